"""Spans are made of a run's events, with their times."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.events.codec import Codec, Entry
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    DirectCall,
    Event,
    Failure,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    NodeEntered,
    NodeLeft,
    Parent,
    Path,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.messages import Usage, assistant
from journeyman.events.trace import run_span, step_span
from journeyman.telemetry.tracing.spans import Span, open_spans, spans_of_run

SECOND = 1_000_000


TRACE, CALLER = "a" * 32, "b" * 16


ACCEPTED = RunAccepted(
    thread="ann/t1",
    principal="ann",
    agent="support",
    version="v1",
    request_id="req_1",
    trace_id=TRACE,
    caller_span=CALLER,
)


FIRST = (
    RunStarted(epoch=1),
    ModelCalled(call="m1", model="gpt-5"),
    ModelFailed(call="m1", error=Failure("gateway_timeout", "silent")),
    ModelCalled(call="m1", model="gpt-5", attempt=2),
    ModelReplied(
        call="m1",
        attempt=2,
        model="gpt-5-x",
        message=assistant(""),
        usage=Usage(10, 2, 4, 0.5),
        finish_reason="tool_calls",
    ),
    ApprovalRequested(approval="a1", kind="tool", call="m1.0", tool="refund"),
    RunPaused(waiting_for=("a1",)),
    ApprovalGiven(approval="a1", decision="approve", by="bob"),
    ToolCallStarted(call="m1.0", call_id="c1", tool="refund", arguments={}, idempotency_key="k"),
    ToolCallStarted(call="m1.0", call_id="c1", tool="refund", arguments={}, idempotency_key="k", attempt=2),
    ToolCallFinished(call="m1.0", call_id="c1", tool="refund", error=Failure("tool_failed", "no"), attempts=2),
)


def entries(*events: Event, run_id: str = "r1") -> list[Entry]:
    """Return the events as entries, one second apart, the first at second 1."""
    drafts = [Codec().draft(event) for event in events]
    return [Entry(run_id, seq, each.type, each.v, seq * SECOND, each.data) for seq, each in enumerate(drafts, 1)]


def named(found: Sequence[Span]) -> dict[str, Span]:
    return {f"{span.name}#{span.attributes.get('journeyman.attempt', '')}": span for span in found}


def test_open_spans_end_now_and_there_are_none_after_the_end() -> None:
    waiting = entries(ACCEPTED, *FIRST[:7])
    assert [
        (span.name, span.start // SECOND, span.end // SECOND) for span in open_spans("r1", waiting, 99 * SECOND)
    ] == [
        ("approval refund", 7, 99),
        ("invoke_agent support", 1, 99),
    ]
    assert open_spans("r1", waiting, 0)[-1].end == SECOND, "a clock behind the journal's gives no negative time"
    assert open_spans("r1", entries(ACCEPTED, *FIRST, RunFinished(output="done")), 99 * SECOND) == ()
    assert [span.name for span in open_spans("r1", entries(ACCEPTED), 9 * SECOND)] == ["invoke_agent support"]


def test_the_spans_of_a_whole_run() -> None:
    found = spans_of_run("r1", entries(ACCEPTED, *FIRST, RunFinished(output="done", stopped_by="steps")))
    by_name = named(found)
    assert [(span.name, span.start // SECOND, span.end // SECOND) for span in found] == [
        ("chat gpt-5", 3, 4),
        ("chat gpt-5", 5, 6),
        ("approval refund", 7, 9),
        ("execute_tool refund", 10, 12),
        ("invoke_agent support", 1, 13),
    ]
    assert {span.trace_id for span in found} == {TRACE}
    assert [span.parent_id for span in found] == [run_span("r1")] * 4 + [CALLER]
    assert len({span.span_id for span in found}) == 5

    run, reply = by_name["invoke_agent support#"], by_name["chat gpt-5#2"]
    assert run.attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "journeyman",
        "gen_ai.agent.name": "support",
        "gen_ai.agent.version": "v1",
        "gen_ai.conversation.id": "t1",
        "journeyman.run_id": "r1",
        "journeyman.request_id": "req_1",
        "journeyman.principal": "ann",
        "journeyman.queue_seconds": 1.0,
        "journeyman.status": "finished",
        "journeyman.stopped_by": "steps",
        "journeyman.cost_usd": 0.5,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.cache_read.input_tokens": 4,
    }
    assert (reply.kind, reply.span_id) == ("client", step_span("r1", "m1", 2))
    assert reply.attributes["gen_ai.request.model"] == "gpt-5"
    assert reply.attributes["gen_ai.response.model"] == "gpt-5-x"
    assert reply.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert (by_name["chat gpt-5#1"].error, by_name["chat gpt-5#1"].message) == ("gateway_timeout", "silent")
    call = by_name["execute_tool refund#"]
    assert (call.error, call.attributes["error.type"]) == ("tool_failed", "tool_failed")
    assert (call.attributes["gen_ai.tool.call.id"], call.attributes["journeyman.attempts"]) == ("c1", 2)


def test_a_run_in_progress_has_the_spans_that_ended() -> None:
    assert [span.name for span in spans_of_run("r1", entries(ACCEPTED, *FIRST[:5]))] == ["chat gpt-5", "chat gpt-5"]
    assert spans_of_run("r1", []) == ()


def test_an_unanswered_approval_ends_with_its_run() -> None:
    found = spans_of_run("r1", entries(ACCEPTED, *FIRST[:7], RunCancelled(by="ann")))
    assert [span.name for span in found[-2:]] == ["approval refund", "invoke_agent support"]
    assert found[-1].attributes["journeyman.cancel_reason"] == "requested"
    failed = spans_of_run(
        "r1", entries(ACCEPTED, RunStarted(epoch=1), RunFailed(error=Failure("gateway_refused", "no")))
    )
    assert (failed[0].error, failed[0].attributes["journeyman.status"]) == ("gateway_refused", "failed")


def test_a_refused_tool_call_without_an_agent() -> None:
    accepted = RunAccepted(thread="ann/!x", principal="ann", direct=DirectCall("refund", {}))
    refused = ToolCallFinished(call="d.0", call_id="d.0", tool="refund", error=Failure("approval_denied", "no"))
    found = spans_of_run("run_" + "c" * 32, entries(accepted, RunStarted(epoch=1), refused, RunFinished()))
    assert [span.name for span in found] == ["execute_tool refund", "run refund"]
    assert {span.trace_id for span in found} == {"c" * 32}
    assert "gen_ai.conversation.id" not in found[1].attributes
    assert found[1].parent_id is None


def test_the_parent_of_a_child_run_is_the_step_that_started_it() -> None:
    accepted = RunAccepted(thread="ann/!x", principal="ann", agent="billing", parent=Parent("r1", "n1"), trace_id=TRACE)
    (found,) = spans_of_run("r2", entries(accepted, RunFinished(), run_id="r2"))
    assert (found.trace_id, found.parent_id) == (TRACE, step_span("r1", "n1"))


def test_the_parent_of_a_nodes_steps_is_the_node() -> None:
    work, end = Path(node="work"), Path(node="end")
    found = spans_of_run(
        "r1",
        entries(
            ACCEPTED,
            RunStarted(epoch=1),
            NodeEntered(call="work#1", path=work),
            ModelCalled(call="m1", model="gpt-5", path=work),
            ModelReplied(call="m1", model="gpt-5", message=assistant("hi"), path=work),
            NodeLeft(call="work#1", path=work),
            NodeEntered(path=end),
            RunFinished(),
        ),
    )
    assert [(span.name, span.parent_id) for span in found] == [
        ("chat gpt-5", step_span("r1", "work#1")),
        ("node work", run_span("r1")),
        ("invoke_agent support", CALLER),
    ]
    assert found[1].span_id == step_span("r1", "work#1")


def test_open_spans_end_with_the_run() -> None:
    work = Path(node="work")
    found = spans_of_run("r1", entries(ACCEPTED, NodeEntered(call="work#1", attempt=2, path=work), RunCancelled()))
    assert [(span.name, span.end // SECOND) for span in found] == [("node work", 3), ("invoke_agent support", 3)]


def test_a_fork_has_only_spans_of_its_own_events() -> None:
    copied = (RunAccepted(thread="ann/t2", principal="ann", agent="support", copied=6), *FIRST[:5])
    again = (ModelCalled(call="m2", model="offline"), ModelReplied(call="m2", model="offline", message=assistant("hi")))
    found = spans_of_run("r2", entries(*copied, *again, RunFinished(output="hi")))
    assert [(span.name, span.start // SECOND, span.end // SECOND) for span in found] == [
        ("chat offline", 7, 8),
        ("invoke_agent support", 7, 9),
    ]
    assert found[0].attributes["gen_ai.provider.name"] == "journeyman"


def test_the_span_of_a_model_call_names_the_gateway_that_answered() -> None:
    replied = ModelReplied(call="m1", model="small", message=assistant("hi"), gateway="us")
    calls = (ModelCalled(call="m1", model="gpt-5", gateway="eu"), replied, ModelCalled(call="m2", model="gpt-5"))
    found = spans_of_run("r1", entries(ACCEPTED, RunStarted(epoch=1), *calls, RunCancelled()))
    assert [span.attributes.get("journeyman.gateway") for span in found] == ["us", None, None]
