from __future__ import annotations

from typing import Any

import pytest

from journeyman.events.codec import Codec, decode_event
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    AskedLimit,
    Event,
    LimitReached,
    RunAccepted,
    RunCancelled,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
)
from journeyman.events.fold import AgentState, fold
from journeyman.events.limit_questions import is_number, new_limit

ASKED = AskedLimit("steps", 3, 6)
START = (RunAccepted(thread="me/t", principal="me"), RunStarted(epoch=1))
QUESTION = ApprovalRequested(
    approval="a", kind="limit", call="steps", arguments={"steps": 6}, decisions=("approve", "deny"), limit=ASKED
)
PAUSED, RESUMED = RunPaused(waiting_for=("a",)), RunResumed(epoch=1)


def given(decision: Any = "approve", arguments: dict[str, Any] | None = None) -> ApprovalGiven:
    return ApprovalGiven(approval="a", decision=decision, by="me", arguments=arguments)


def after(*events: Event) -> AgentState:
    """The state after these events, each as it comes back from the journal."""
    drafts = [Codec().draft(event) for event in (*START, *events)]
    stored = [decode_event(draft.type, draft.v, draft.data) for draft in drafts]
    return fold("r", ((seq, seq, event) for seq, event in enumerate(stored, 1)))


def test_an_open_question_holds_the_run() -> None:
    state = after(QUESTION, PAUSED)
    assert (state.held, state.open_approvals, state.answered) == (True, ("a",), False)


@pytest.mark.parametrize(("arguments", "value"), [({"steps": 5}, 5), (None, 6), ({"steps": "?"}, 6), ({"x": 1}, 6)])
def test_an_answer_raises_the_limit(arguments: dict[str, Any] | None, value: float) -> None:
    state = after(QUESTION, PAUSED, given(arguments=arguments))
    assert (state.raised, state.held, state.open_approvals) == ({"steps": value}, False, ())
    assert state.answered, "a paused run has to be resumed for it"


def test_a_denial_raises_nothing_and_is_acted_on() -> None:
    state = after(QUESTION, PAUSED, given("deny"))
    assert (state.raised, state.held, state.answered) == ({}, False, True)
    ending = after(QUESTION, PAUSED, given("deny"), RESUMED, LimitReached(limit="steps", value=3))
    assert (ending.limit_question, ending.answered) == (None, False)


@pytest.mark.parametrize(
    ("events", "answered"),
    [
        ((QUESTION, PAUSED, given(), RESUMED), False),
        ((QUESTION, PAUSED, given(), RESUMED, RunPaused(waiting_for=("b",))), False),
        ((QUESTION, given(), PAUSED), True),  # the runner paused before it knew
        ((QUESTION, given(), RunPaused(waiting_for=("b",))), False),  # it was still at work, and acted on it
        ((QUESTION, given("deny"), PAUSED), True),
        ((QUESTION, RunResumed(epoch=2, reason="taken_over"), PAUSED), False),
        ((QUESTION, PAUSED, RunForked(parent="p", at=4, epoch=1)), False),
        ((QUESTION, PAUSED, given(), RunForked(parent="p", at=5, epoch=1)), True),
    ],
)
def test_an_answer_waits_until_the_run_acts_on_it(events: tuple[Event, ...], answered: bool) -> None:
    assert after(*events).answered == answered


def test_what_was_raised_stays_over_take_overs_and_forks() -> None:
    later = (RunResumed(epoch=2, reason="taken_over"), RunForked(parent="p", at=6, epoch=1))
    assert after(QUESTION, PAUSED, given(arguments={"steps": 4}), RESUMED, *later).raised == {"steps": 4}
    assert after(QUESTION, RunResumed(epoch=2, reason="taken_over")).held


def test_a_question_ends_with_its_run_or_with_another_limit() -> None:
    assert after(QUESTION, RunCancelled()).open_approvals == ()
    reached = after(QUESTION, LimitReached(limit="seconds", value=9))
    assert (reached.open_approvals, reached.held) == ((), False)
    assert after(QUESTION, LimitReached(limit="seconds", value=9), given()).raised == {}


def test_the_value_of_an_answer() -> None:
    assert new_limit(given(arguments={"steps": 4}), ASKED) == 4
    assert [is_number(value) for value in (1, 1.5, True, "1", None)] == [True, True, False, False, False]
