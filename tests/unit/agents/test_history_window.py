"""The messages of a thread that a model call sees."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.agents.history_window import KEEP, context_window, estimated_tokens
from journeyman.agents.spec import History
from journeyman.events.fold import AgentState
from journeyman.events.messages import ImagePart, Message, ToolCall, assistant, tool_result, user

OWN = (user("now"),)


def turn(number: int, calls: int = 0, size: int = 4) -> list[Message]:
    asked = [ToolCall(f"{number}.{place}", "t", "{}") for place in range(calls)]
    results = [tool_result(call.id, "t", "r" * size) for call in asked]
    called = [assistant("", *asked), *results] if asked else []
    return [user(f"q{number}" * size), *called, assistant(f"a{number}" * size)]


def state_of(history: list[Message], own: tuple[Message, ...] = OWN, first_no: int = 1) -> AgentState:
    last_no = first_no + len(history) - 1
    return AgentState(first_no=first_no, last_no=last_no, history=tuple(history), messages=own)


def test_all_of_it_while_it_fits() -> None:
    history = [*turn(1), *turn(2, calls=2)]
    assert context_window(state_of(history), History(max_messages=20)) == (1, (*history, *OWN))
    assert context_window(state_of([]), History()) == (1, OWN)


def test_a_full_window_is_cut_to_three_quarters_at_a_whole_turn() -> None:
    history = [message for number in range(10) for message in turn(number)]
    first_no, messages = context_window(state_of(history), History(max_messages=20))
    assert (first_no, len(messages)) == (7, 15)
    assert messages == (*history[6:], *OWN)


def test_the_cut_follows_the_estimated_tokens_too() -> None:
    history = [message for number in range(4) for message in turn(number, size=100)]
    policy = History(max_tokens=sum(map(estimated_tokens, history)))
    _, messages = context_window(state_of(history), policy)
    assert messages[0].role == "user"
    assert sum(map(estimated_tokens, messages)) <= policy.max_tokens * KEEP


def test_what_was_cut_before_stays_out() -> None:
    history = [*turn(1), *turn(2), *turn(3)]
    state = AgentState(first_no=13, last_no=16, history=tuple(history), messages=OWN)
    assert context_window(state, History()) == (13, (*history[2:], *OWN))


def test_nothing_of_the_thread_when_the_run_itself_fills_the_window() -> None:
    own = tuple(user(f"{number}") for number in range(10))
    assert context_window(state_of(turn(1), own), History(max_messages=5)) == (3, own)
    later = AgentState(first_no=3, last_no=2, history=tuple(turn(1)), messages=own)
    assert context_window(later, History(max_messages=5)) == (3, own)


def test_images_and_arguments_cost_something() -> None:
    picture = Message(role="user", content=(ImagePart("data:,"),))
    assert estimated_tokens(picture) == 260
    assert estimated_tokens(assistant("", ToolCall("c", "t", "x" * 400))) == 104


@pytest.mark.parametrize("calls", [0, 2])
def test_between_cuts_the_next_turn_sees_the_same_prefix(calls: int) -> None:
    """100 turns: what a call sees begins as the call before it, but for a few cuts."""
    policy, history, first_no, cuts = History(max_messages=40), list[Message](), 1, 0
    before: tuple[Message, ...] = ()
    for number in range(100):
        mine = turn(number, calls)
        state = AgentState(
            first_no=first_no, last_no=len(history), history=tuple(history[first_no - 1 :]), messages=(mine[0],)
        )
        first_no, messages = context_window(state, policy)
        cuts += messages[: len(before)] != before
        before = messages
        history += mine
    assert cuts <= len(history) / (40 * (1 - KEEP)) + 1


@settings(max_examples=100, deadline=None, database=None)
@given(
    st.lists(st.integers(0, 3), max_size=12),
    st.integers(1, 6),
    st.integers(1, 30),
    st.integers(1, 300),
    st.integers(1, 50),
)
def test_whole_turns_and_all_of_the_runs_own(calls: list[int], own: int, most: int, tokens: int, first: int) -> None:
    history = [message for number, count in enumerate(calls) for message in turn(number, count)]
    mine = tuple(user("x") for _ in range(own))
    policy = History(max_messages=most, max_tokens=tokens)
    first_no, messages = context_window(state_of(history, mine, first), policy)
    seen = len(messages) - own
    assert messages[seen:] == mine
    assert messages[:seen] == tuple(history[len(history) - seen :])
    assert first_no == first + len(history) - seen
    assert seen == 0 or messages[0].role == "user"
    cut = seen < len(history)
    share = KEEP if cut else 1.0
    assert seen == 0 or len(messages) <= most * share
    assert seen == 0 or sum(map(estimated_tokens, messages)) <= tokens * share


def pinned(text: str) -> Message:
    return msgspec.structs.replace(user(text), pinned=True)


def test_what_is_pinned_stays_in_front_of_the_cut() -> None:
    rule = pinned("Answer in French.")
    history = [*turn(0), rule, *(message for number in range(1, 10) for message in turn(number))]
    state = msgspec.structs.replace(state_of(history), pinned_nos=(3,))
    first_no, messages = context_window(state, History(max_messages=20))
    assert messages[0] is rule
    assert len(messages) <= 15
    assert messages[1:] == (*history[first_no - 1 :], *OWN)
    whole = context_window(msgspec.structs.replace(state_of(history[:5]), pinned_nos=(3,)), History(max_messages=20))
    assert whole == (1, (*history[:5], *OWN)), "in its place while nothing is cut"


def test_pinned_ones_from_before_the_view_come_first_and_count() -> None:
    early, late = pinned("early"), pinned("late")
    history = [*turn(1), late, *turn(2)]
    state = AgentState(
        first_no=10, last_no=14, history=tuple(history), messages=OWN, pinned=(early,), pinned_nos=(1, 12)
    )
    assert context_window(state, History())[1] == (early, *history, *OWN)
    moved = msgspec.structs.replace(state, first_no=13)
    assert context_window(moved, History())[1] == (early, late, *turn(2), *OWN)
    assert context_window(state, History(max_messages=3)) == (15, (early, late, *OWN)), "even where nothing else fits"


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 4), ("four score and seven", 9), ("Привет, мир", 4 + 6), ("你好世界", 8), ("😀", 4 + 1)]
)
def test_the_estimate_holds_for_other_scripts(text: str, tokens: int) -> None:
    assert estimated_tokens(user(text)) == tokens
