"""The fold, event by event. External events may come at any point among those of a run."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from typing import get_args

import pytest

from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    BranchEnded,
    BudgetWarned,
    CancelRequested,
    ContextChanged,
    DirectCall,
    Event,
    Failure,
    ForkedCall,
    HistorySummarized,
    LimitReached,
    MessageAdded,
    MessageReplaced,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    NodeLeft,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    StepRemembered,
    ThreadCreated,
    ThreadErased,
    ThreadRenamed,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.fold import AgentState, apply, fold, replace
from journeyman.events.messages import Message, Owner, ToolCall, Usage, assistant, tool_result, user
from journeyman.events.state import Summary

ACCEPTED = RunAccepted(thread="me/t", principal="me", agent="a", version="v", input=user("hi"))
STARTED = RunStarted(epoch=3, first_no=2, last_no=5, thread_context={"a": 1}, global_context={"g": 1})
ASKED = ModelReplied(
    call="m1",
    model="m",
    message=assistant("", ToolCall("c0", "look", "{}"), ToolCall("c1", "pay", "{}")),
    usage=Usage(10, 5, 2, 0.5),
)
FAIL = Failure("tool_failed", "no")


def after(*events: Event, step: int = 0) -> AgentState:
    return fold("run_1", ((seq, seq * step, event) for seq, event in enumerate(events, 1)))


def started(call: str = "m1.0", attempt: int = 1) -> ToolCallStarted:
    return ToolCallStarted(
        call=call, call_id="c", tool="t", arguments={"x": 1}, idempotency_key="k", attempt=attempt, code_hash="h"
    )


def finished(call: str, result: str | None = "ok", error: Failure | None = None) -> ToolCallFinished:
    return ToolCallFinished(call=call, call_id=f"c{call[-1]}", tool="t", result=result, error=error, attempts=1)


def requested(call: str = "m1.1", approval: str = "ap") -> ApprovalRequested:
    return ApprovalRequested(approval=approval, kind="tool", call=call, tool="pay", arguments={"n": 1}, args_hash="h.a")


def test_accepted_then_started() -> None:
    state = after(ACCEPTED)
    assert (state.status, state.thread, state.agent, state.messages) == ("queued", "me/t", "a", ())
    state = after(ACCEPTED, STARTED)
    assert (state.status, state.epoch, state.first_no, state.last_no) == ("running", 3, 2, 5)
    assert (state.messages, state.thread_context, state.global_context) == ((user("hi"),), {"a": 1}, {"g": 1})
    assert (state.seq, state.run_id) == (2, "run_1")


def test_a_run_that_was_cancelled_before_its_turn_stays_cancelled() -> None:
    assert after(ACCEPTED, CancelRequested(by="me"), RunCancelled(), STARTED).status == "cancelled"


def test_a_model_call() -> None:
    state = after(ACCEPTED, STARTED, ModelCalled(call="m1", model="m", first_no=4))
    assert state.model_call is not None
    assert (state.model_call.call, state.model_calls, state.first_no) == ("m1", 1, 4)
    state = after(ACCEPTED, STARTED, ModelCalled(call="m1", model="m"), ASKED)
    assert state.model_call is None
    assert [(call.call, call.call_id, call.status) for call in state.calls] == [
        ("m1.0", "c0", "asked"),
        ("m1.1", "c1", "asked"),
    ]
    assert (state.tool_calls, state.usage, state.model) == (2, Usage(10, 5, 2, 0.5), "m")
    assert state.last_reply == ASKED.message


def test_a_repeated_model_call_counts_once() -> None:
    called = ModelCalled(call="m1", model="m")
    state = after(ACCEPTED, STARTED, called, RunResumed(epoch=4, reason="taken_over"))
    assert state.model_call is not None
    assert (state.model_call.orphaned, state.epoch) == (True, 4)
    state = apply(state, 5, 0, replace(called, attempt=2))
    assert state.model_call is not None
    assert (state.model_call.orphaned, state.model_call.attempt, state.model_calls) == (False, 2, 1)


def test_a_model_failure_and_a_partial_reply() -> None:
    state = after(ACCEPTED, STARTED, ModelCalled(call="m1", model="m"), ModelFailed(call="m1", error=FAIL))
    assert (state.failure, state.errors, state.model_call) == (FAIL, (FAIL,), None)
    said = Message(role="assistant", content=ASKED.message.content, tool_calls=ASKED.message.tool_calls, partial=True)
    assert after(ACCEPTED, STARTED, replace(ASKED, message=said)).calls == ()


def test_empty_replies_are_counted_until_another() -> None:
    empty = replace(ASKED, message=assistant(""), finish_reason="empty")
    unknown = replace(empty, finish_reason="unknown")
    assert after(ACCEPTED, STARTED, empty, unknown).empty_replies == 2
    assert after(ACCEPTED, STARTED, empty, ASKED).empty_replies == 0
    for reason in ("stop", "length", "content_filter"):
        assert after(ACCEPTED, STARTED, replace(empty, finish_reason=reason)).empty_replies == 0


def test_opaque_fields_without_an_owner_belong_to_the_model_that_replied() -> None:
    old = Message(role="assistant", extra={"reasoning_content": "hm"})
    state = after(ACCEPTED, STARTED, replace(ASKED, message=old))
    assert state.last_reply == replace(old, owner=Owner("m"))


def test_only_the_last_ten_errors_are_kept() -> None:
    failures = [ModelFailed(call="m1", error=Failure("x", str(number))) for number in range(12)]
    assert [error.message for error in after(ACCEPTED, STARTED, *failures).errors] == [str(n) for n in range(2, 12)]


def test_results_stand_in_the_order_of_the_calls_once_all_are_there() -> None:
    state = after(ACCEPTED, STARTED, ASKED, finished("m1.1", None, FAIL))
    assert len(state.messages) == 2
    assert [call.call for call in state.open_calls] == ["m1.0"]
    state = apply(state, 5, 0, finished("m1.0"))
    assert [message.tool_call_id for message in state.messages[2:]] == ["c0", "c1"]
    assert state.messages[2] == tool_result("c0", "t", "ok")
    assert (state.calls, state.errors) == ((), (FAIL,))


def test_a_call_from_start_through_a_take_over() -> None:
    state = after(ACCEPTED, STARTED, ASKED, started(), requested(), RunResumed(epoch=4, reason="taken_over"))
    first, second = state.calls
    assert (first.status, first.attempt, first.code_hash, first.arguments) == ("orphaned", 1, "h", {"x": 1})
    assert (second.status, state.open_approvals) == ("waiting", ("ap",))
    assert apply(state, 7, 0, started(attempt=2)).calls[0].attempt == 2


def test_an_approval_is_answered_once() -> None:
    given = ApprovalGiven(approval="ap", decision="approve", by="me", arguments={"n": 2}, result="r")
    state = after(ACCEPTED, STARTED, ASKED, requested(), given)
    call = state.calls[1]
    assert (call.status, call.decision, call.arguments, call.answer) == ("answered", "approve", {"n": 2}, "r")
    assert state.open_approvals == ()
    assert apply(state, 6, 0, ApprovalGiven(approval="ap", decision="deny", by="x")).calls == state.calls
    kept = after(ACCEPTED, STARTED, ASKED, requested(), replace(given, arguments=None)).calls[1]
    assert kept.arguments == {"n": 1}


def test_a_direct_call() -> None:
    direct = replace(ACCEPTED, input=None, direct=DirectCall("look", {"q": 1}))
    state = after(direct, STARTED)
    assert [(call.call, call.tool, call.arguments) for call in state.calls] == [("d.0", "look", {"q": 1})]
    done = finished("d.0", "seen")
    state = apply(state, 3, 0, done)
    assert (state.output, state.direct_call, state.messages, state.calls) == ("seen", done, (), ())
    assert after(direct, STARTED, finished("d.0", None, FAIL)).failure == FAIL


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (RunFinished(output="o", stopped_by="steps"), "finished"),
        (RunFailed(error=FAIL), "failed"),
        (RunCancelled(), "cancelled"),
    ],
)
def test_ends(end: Event, status: str) -> None:
    state = after(ACCEPTED, STARTED, end)
    assert (state.status, state.ended) == (status, True)
    assert (state.output, state.stopped_by) == (("o", "steps") if status == "finished" else ("", None))
    assert state.error == (FAIL if status == "failed" else None)


def test_pause_cancel_limit_memory_context_and_messages() -> None:
    state = after(
        ACCEPTED,
        STARTED,
        CancelRequested(by="a"),
        CancelRequested(by="b"),
        LimitReached(limit="steps", value=1),
        LimitReached(limit="tokens", value=2),
        StepRemembered(name="n", value=[1]),
        ContextChanged(scope="thread", patch={"a": None, "b": 2}),
        ContextChanged(scope="global", patch={"h": 1}),
        MessageAdded(message=user("again")),
        RunPaused(),
    )
    assert state.cancel == CancelRequested(by="a")
    assert state.limit == LimitReached(limit="steps", value=1)
    assert (state.remembered, state.thread_context) == ({"n": [1]}, {"b": 2})
    assert state.global_context == {"g": 1, "h": 1}
    assert (state.messages[-1], state.corrections, state.status) == (user("again"), 1, "paused")


def test_only_running_time_counts() -> None:
    state = after(ACCEPTED, STARTED, RunPaused(), RunResumed(epoch=3), RunPaused(), step=10)
    assert state.active_us == 20
    down = after(ACCEPTED, STARTED, RunResumed(epoch=4, reason="taken_over"), RunFinished(), step=10)
    assert down.active_us == 10


def test_a_fork_orphans_what_was_under_way_and_counts_no_time_in_between() -> None:
    known = ForkedCall("m1.0", "r:m1.0", "done there")
    before = (ACCEPTED, STARTED, ASKED, started(), requested())
    state = after(*before, RunForked(parent="r", at=5, epoch=7, calls=(known,)), step=10)
    assert [(call.status, call.forked) for call in state.calls] == [("orphaned", known), ("waiting", None)]
    assert (state.epoch, state.status, state.active_us) == (7, "running", 30)
    asking = after(ACCEPTED, STARTED, ModelCalled(call="m1", model="m"), RunForked(parent="r", at=3, epoch=7))
    assert asking.model_call is not None
    assert asking.model_call.orphaned


def test_a_fork_replaces_and_adds_messages() -> None:
    state = after(ACCEPTED, STARTED, ASKED, finished("m1.0"), finished("m1.1"))
    state = apply(state, 6, 0, MessageReplaced(seq=5, place=3, message=user("other")))
    assert [message.text for message in state.messages] == ["hi", "", "ok", "other"]
    state = apply(state, 7, 0, MessageReplaced(seq=1, place=0, message=user("ho")))
    assert (state.input, state.messages[0]) == (user("ho"), user("ho"))
    state = apply(state, 8, 0, MessageAdded(message=user("more"), by="me", correction=False))
    assert (state.messages[-1], state.corrections) == (user("more"), 0)


SILENT: tuple[Event, ...] = (
    NodeLeft(),
    BranchEnded(),
    BudgetWarned(budget="b", used=1, limit=2),
    RunForked(parent="r", at=1),
    MessageReplaced(seq=1, message=user("x")),
    ThreadCreated(thread_id="t", principal="me"),
    ThreadRenamed(title="T"),
    ThreadErased(thread="t"),
)


@pytest.mark.parametrize("event", SILENT)
def test_events_that_say_nothing_of_the_state(event: Event) -> None:
    before = after(ACCEPTED, STARTED)
    assert apply(before, 3, 0, event) == replace(before, seq=3)


def test_a_summary_stands_for_what_came_before_the_view() -> None:
    before = after(ACCEPTED, replace(STARTED, first_no=1, last_no=4, summary=7, summary_stream="run_0"))
    assert before.summary == Summary(stream="run_0", seq=7)
    made = HistorySummarized(first_no=1, last_no=2, text="s", usage=Usage(3, 1))
    state = apply(before, 3, 0, made)
    assert (state.first_no, state.usage) == (3, Usage(3, 1))
    assert state.summary == Summary(stream="run_0", seq=7, text="s", made=1)
    state = apply(state, 4, 0, HistorySummarized(first_no=3, last_no=4, text="", error=Failure("code", "why")))
    assert (state.first_no, state.errors) == (3, (Failure("code", "why"),))
    assert state.summary == Summary(stream="run_0", seq=7, text="s", made=1, failed=True)


def test_every_event_type_is_tried_here() -> None:
    """The tests here and those about graphs fold every type of event."""
    source = Path(__file__).read_text() + Path(__file__).with_name("test_graph_position.py").read_text()
    assert [kind.__name__ for kind in get_args(Event) if f"{kind.__name__}(" not in source] == []


def _folded(events: Iterable[Event]) -> AgentState:
    return replace(after(ACCEPTED, STARTED, ASKED, requested(), *events), active_us=0)


def test_outside_facts_may_come_at_any_moment() -> None:
    """The state is the same wherever an answer and a cancel come among the run's own events."""
    own = (started(), ContextChanged(scope="thread", patch={"a": 2}), finished("m1.0"))
    outside = (ApprovalGiven(approval="ap", decision="deny", by="me"), CancelRequested(by="me"))
    orders = [
        order for order in permutations((*own, *outside)) if [event for event in order if event in own] == list(own)
    ]
    assert len(orders) == 20
    assert len({repr(_folded(order)) for order in orders}) == 1
