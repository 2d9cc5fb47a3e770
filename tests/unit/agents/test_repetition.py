"""Loop detection: the same calls with the same answers, in periods of up to three replies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agents.decision import ReachLimit, Settle
from journeyman.agents.repetition import loop_actions
from journeyman.agents.spec import Limits
from journeyman.events.fold import AgentState
from journeyman.events.messages import Message, ToolCall, assistant, tool_result, user
from journeyman.events.open_calls import CallState
from journeyman.events.transcript import error_text
from tests.harness.cpu_time import within

LIMITS = Limits(repeats=3)
ASKED = CallState(call="m9.0", call_id="c", tool="look", arguments="{}")


def asks(*calls: str) -> Message:
    """`look {"a": 1}`: a reply with these calls."""
    return assistant("", *(ToolCall(f"c{place}", *call.split(" ", 1)) for place, call in enumerate(calls)))


def said(*steps: tuple[str, str]) -> list[Message]:
    """Replies with one call each, and what it gave."""
    return [message for call, answer in steps for message in (asks(call), tool_result("c0", "t", answer))]


def after(*messages: Message, limits: Limits = LIMITS, calls: tuple[CallState, ...] = (ASKED,)) -> tuple[Any, ...]:
    return loop_actions(AgentState(messages=messages), calls, limits)


A, B, C, D = ("look {}", "a"), ("put {}", "b"), ("note {}", "c"), ("last {}", "d")


@pytest.mark.parametrize(
    ("before", "asked", "refused"),
    [
        ([A] * 3, "look {}", True),
        ([A] * 2, "look {}", False),
        ([A] * 3, "put {}", False),
        ([A, A, B, A], "look {}", False),
        ([B] + [A] * 3, "look {}", True),
        ([A, ("look {}", "another"), A], "look {}", False),
        ([("look {}", str(n)) for n in range(9)], "look {}", False),
        ([(f"look {n}", "a") for n in range(9)], "look {}", False),
        ([A, ("look { }", "a"), A], "look {}", True),
        ([("look nonsense", "a")] * 3, "look nonsense", True),
        ([A, B] * 3, "look {}", True),
        ([A, B] * 3, "put {}", False),
        ([A, B] * 2 + [A], "put {}", False),
        ([B] + [A, B] * 3, "look {}", True),
        ([A, B, C] * 3, "look {}", True),
        ([A, A, B] * 3, "look {}", True),
        ([A, B, C, D] * 5, "look {}", False),
    ],
)  # fmt: skip
def test_the_next_round_is_refused(before: list[tuple[str, str]], asked: str, refused: bool) -> None:
    found = after(user("go"), *said(*before), asks(asked))
    assert bool(found) == refused
    assert all(isinstance(one, Settle) and one.failure.code == "repeated_call" for one in found)


def test_calls_of_one_reply_are_one_step() -> None:
    step = [asks("look {}", "put {}"), tool_result("c0", "look", "a"), tool_result("c1", "put", "b")]
    calls = (ASKED, CallState(call="m9.1", call_id="d", tool="put", arguments="{}"))
    assert [one.call for one in after(*step * 3, step[0], calls=calls)] == ["m9.0", "m9.1"]
    assert after(*step * 3, asks("look {}")) == ()


def test_any_other_message_ends_the_rounds() -> None:
    assert after(*said(A, A), user("again"), *said(A), asks("look {}")) == ()
    assert after(*said(A, A), assistant("Hm."), *said(A), asks("look {}")) == ()


REFUSED = ("look {}", error_text(after(*said(A, A, A), asks("look {}"))[0].failure))


@pytest.mark.parametrize(
    ("since", "asked", "ends"),
    [
        ([REFUSED], "look {}", True),
        ([REFUSED, B], "look {}", True),
        ([REFUSED, B, C], "look {}", True),
        ([REFUSED, B, C, D], "look {}", False),
        ([REFUSED], "put {}", False),
    ],
)
def test_asked_for_again_after_that_it_ends_the_run(since: list[tuple[str, str]], asked: str, ends: bool) -> None:
    found = after(*said(A, A, A, *since), asks(asked))
    assert found == ((ReachLimit(limit="repeats", value=3),) if ends else ())


def test_nothing_is_looked_at_without_a_limit_and_once_a_call_has_begun() -> None:
    messages = (*said(*[A] * 50), asks("look {}"))
    assert after(*messages, limits=Limits()) == ()
    assert (
        after(*messages, calls=(CallState(call="m9.0", call_id="c", tool="look", arguments={}, status="started"),))
        == ()
    )


STEPS = st.lists(st.sampled_from([A, B, C, ("look {}", "b")]), max_size=14)


@given(STEPS, st.sampled_from([A, B, C]), st.integers(1, 3))
def test_the_result_is_that_of_comparing_everything(
    steps: list[tuple[str, str]], asked: tuple[str, str], rounds: int
) -> None:
    def circle(period: int) -> bool:
        last = steps[-period * rounds :]
        whole = len(last) == period * rounds and last == last[:period] * rounds
        return whole and last[-period][0] == asked[0]

    found = after(*said(*steps), asks(asked[0]), limits=Limits(repeats=rounds))
    assert bool(found) == any(map(circle, (1, 2, 3)))


@pytest.mark.alone
def test_a_long_run_costs_no_more() -> None:
    messages = (*said(*[A, B, C, D] * 2500), asks("look {}"))
    state = AgentState(messages=messages)
    within(0.5, lambda: [loop_actions(state, (ASKED,), Limits(repeats=1000)) for _ in range(100)])
