"""A recorded run, as a test file holds it."""

from __future__ import annotations

from journeyman.agent_tests.recording import Recording
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    Event,
    Failure,
    ModelCalled,
    ModelReplied,
    RunAccepted,
    RunFinished,
    RunPaused,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.messages import ToolCall, Usage, assistant, user

EVENTS: tuple[Event, ...] = (
    RunAccepted(thread="me/t", principal="me", agent="a", input=user("Hi"), request_id="r"),
    RunStarted(epoch=3, first_no=4, last_no=5, thread_context={"name": "Ann"}),
    ModelCalled(call="m1", model="m", first_no=4, messages=3, request_hash="h"),
    ModelReplied(call="m1", model="m", message=assistant("", ToolCall("c", "pay", '{"n": 1}')), usage=Usage(5, 2)),
    ApprovalRequested(approval="appr_77", kind="tool", call="m1.0", tool="pay", arguments={"n": 1}, args_hash="x.y"),
    RunPaused(waiting_for=("appr_77",)),
    ApprovalGiven(approval="appr_77", decision="approve", by="me"),
    ToolCallStarted(call="m1.0", call_id="c", tool="pay", arguments={"n": 1}, idempotency_key="k", code_hash="z"),
    ToolCallFinished(
        call="m1.0", call_id="c", tool="pay", error=Failure("tool_failed", "no", "err_1"), duration_ms=4.5
    ),
    RunFinished(output="Paid: nothing.\nSorry."),
)


RECORDING = Recording(events=EVENTS, started_at=1_764_000_000_123_456, history=(user("a"), assistant("b")))
