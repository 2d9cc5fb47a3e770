"""Turns the results of use cases into response bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Send

from journeyman.api.problems import GatewayFailure
from journeyman.api.schemas.runs import (
    ApprovalAnswer,
    CallAnswer,
    ExecuteToolAnswer,
    ExplanationAnswer,
    ExplanationsAnswer,
    NodeAnswer,
    OutcomeAnswer,
    ProcessAnswer,
    RunAnswer,
    RunSummary,
    StateAnswer,
    UsageAnswer,
)
from journeyman.events.codec import rfc3339
from journeyman.events.fold import AgentState
from journeyman.events.graph_position import NodeState
from journeyman.events.messages import Usage
from journeyman.events.open_calls import CallState
from journeyman.events.question import question_of
from journeyman.events.redaction import redacted_arguments
from journeyman.events.streams import ThreadRef
from journeyman.journal.journal import ApprovalRow, RunRow
from journeyman.runtime.served.lacks import lack_of_row, sentence_of
from journeyman.runtime.use_cases.answered_approvals import AnsweredApproval
from journeyman.runtime.use_cases.explanations import Explanations
from journeyman.runtime.use_cases.requests import ApprovalOutcome, RunResult
from journeyman.runtime.use_cases.run_digests import RunDigest

_ENCODER = msgspec.json.Encoder()
encode = _ENCODER.encode
_JSON_HEADER = (b"content-type", b"application/json")


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return the JSON response of a FastAPI route."""
    return Response(encode(value), status, headers, "application/json")


def page(items: Sequence[Any], next_cursor: str | None) -> Response:
    """Return the response with one page of items. `next_cursor` is None on the last page."""
    return json_response({"items": items, "next_cursor": next_cursor})


def partial_page(items: Sequence[Any], next_cursor: str) -> Response:
    """Return the response with what a search has found before it was broken off. `next_cursor` goes on from there."""
    return json_response({"items": items, "next_cursor": next_cursor, "partial": True})


async def send_json(send: Send, status: int, value: Any, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Answer from a plain ASGI route: two messages and nothing else."""
    body = encode(value)
    start = [_JSON_HEADER, (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


def usage_answer(usage: Usage) -> UsageAnswer:
    """Describe what a run has used."""
    return UsageAnswer(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cost_usd)


def approval_answer(row: ApprovalRow) -> ApprovalAnswer:
    """Describe an open approval, with sensitive arguments redacted."""
    return ApprovalAnswer(
        approval=row.id,
        run_id=row.run,
        principal=row.principal,
        kind=row.kind,
        call=row.call,
        tool=row.tool,
        arguments=redacted_arguments(row.arguments, row.hidden),
        message=row.message,
        decisions=row.decisions,
        requested_at=rfc3339(row.requested_at),
        result=row.result,
        deadline=time_or_none(row.deadline),
        default=row.default,
        answerer="other" if row.answerer == "other" else "anyone",
        requested_by=row.principal,
    )


def answered_approval_answer(answered: AnsweredApproval) -> ApprovalAnswer:
    """Describe an approval that is no longer open."""
    row = answered.approval
    return msgspec.structs.replace(
        approval_answer(row),
        status=answered.status,
        decision=None if answered.status == "closed" else row.answer,
        answered_by=row.answered_by,
        answered_at=time_or_none(answered.at),
        given_arguments=answered.arguments,
    )


def outcome_answer(outcome: ApprovalOutcome) -> OutcomeAnswer:
    """Describe what has become of an approval."""
    row, call = outcome.approval, outcome.call
    return OutcomeAnswer(
        approval=row.id,
        run_id=row.run,
        kind=row.kind,
        tool=row.tool,
        message=row.message,
        decision=row.answer,
        answered_by=row.answered_by,
        status=outcome.status,
        result=call.result if call else None,
        error=call.error if call else None,
    )


def time_or_none(at: int | None) -> str | None:
    """Format a time (µs since the epoch) as RFC 3339; None stays None."""
    return None if at is None else rfc3339(at)


def process_answer(result: RunResult) -> ProcessAnswer:
    """Describe the result of a run."""
    return ProcessAnswer(
        run_id=result.run_id,
        thread_id=result.thread_id,
        agent=result.agent,
        status=result.status,
        response=result.response,
        model=result.model,
        usage=usage_answer(result.usage),
        stopped_by=result.stopped_by,
        finish_reason=result.finish_reason,
        waiting_for=result.waiting_for,
        waiting_reason=result.waiting_reason,
        error=result.error,
        approvals=tuple(map(approval_answer, result.approvals)) if result.approvals else (),
    )


def tool_call_answer(result: RunResult) -> ExecuteToolAnswer:
    """Describe the result of a direct tool call."""
    return ExecuteToolAnswer(
        response=result.response,
        tool_name=result.tool or "",
        run_id=result.run_id,
        duration_ms=result.duration_ms,
        cached=result.cached,
        status=result.status,
        waiting_for=result.waiting_for,
        waiting_reason=result.waiting_reason,
        error=result.error,
        approvals=tuple(map(approval_answer, result.approvals)) if result.approvals else (),
    )


def raise_gateway_failure(result: RunResult) -> None:
    """Raise GatewayFailure if the run failed because of the model gateway: then the request fails too."""
    error = result.error
    if result.status == "failed" and error is not None and error.code.startswith("gateway_"):
        raise GatewayFailure(
            error.message,
            code=error.code,
            error_id=error.error_id,
            run_id=result.run_id,
            thread_id=result.thread_id,
            retry_after=error.retry_after,
        )


def run_summary(row: RunRow, digest: RunDigest) -> RunSummary:
    """Describe a run in a list."""
    usage = usage_answer(digest.usage) if digest.usage is not None else None
    return RunSummary(**_run_fields(row), question=digest.question, usage=usage)


def run_answer(row: RunRow, result: RunResult) -> RunAnswer:
    """Describe one run. Status and seq are those of whichever of the two was read later."""
    fields = _run_fields(row)
    fields["status"] = result.status
    fields["waiting_reason"] = result.waiting_reason
    fields["last_seq"] = max(row.last_seq, result.last_seq)
    return RunAnswer(
        **fields,
        response=result.response,
        model=result.model,
        usage=usage_answer(result.usage),
        stopped_by=result.stopped_by,
        finish_reason=result.finish_reason,
        waiting_for=result.waiting_for,
        error=result.error,
        approvals=tuple(map(approval_answer, result.approvals)),
        forked_from=result.forked_from,
        forked_at=result.forked_at,
        retried_from=result.retried_from,
        question=question_of(result.input, result.tool),
    )


def _run_fields(row: RunRow) -> dict[str, Any]:
    return {
        "run_id": row.id,
        "thread_id": ThreadRef.parse(row.thread).id,
        "agent": row.agent,
        "version": row.version,
        "parent": row.parent,
        "status": row.status,
        "last_seq": row.last_seq,
        "accepted_at": rfc3339(row.accepted_at),
        "started_at": time_or_none(row.started_at),
        "ended_at": time_or_none(row.ended_at),
        "error_code": row.error_code,
        "error_id": row.error_id,
        "request_id": row.request_id,
        "trace_id": row.trace_id,
        "waiting_reason": sentence_of(lack_of_row(row.lacks)) if row.lacks is not None else None,
    }


def explanations_answer(found: Explanations, mask: Callable[[str], str]) -> ExplanationsAnswer:
    """Describe why a run did what it did. `mask` hides secrets, which the condition of a tool may hold."""
    items = tuple(ExplanationAnswer(kind=each.kind, sentence=mask(each.sentence), seq=each.seq) for each in found.items)
    return ExplanationsAnswer(items=items, left_out=found.left_out)


def state_answer(state: AgentState) -> StateAnswer:
    """Describe a run's state."""
    return StateAnswer(
        run_id=state.run_id,
        thread_id=state.thread_id,
        seq=state.seq,
        at=rfc3339(state.at),
        status=state.status,
        agent=state.agent,
        version=state.version,
        epoch=state.epoch,
        first_no=state.first_no,
        last_no=state.last_no,
        messages=state.messages,
        thread_context=state.thread_context,
        global_context=state.global_context,
        calls=tuple(map(_call_answer, state.all_calls)),
        nodes=tuple(_node_answer(node, state) for node in state.walk.nodes),
        model_calls=state.model_calls,
        tool_calls=state.tool_calls,
        model=state.model,
        usage=usage_answer(state.usage),
        errors=state.errors,
        output=state.output,
        stopped_by=state.stopped_by,
        finish_reason=state.finish_reason or None,
        error=state.error,
    )


def _node_answer(node: NodeState, state: AgentState) -> NodeAnswer:
    branch = state.walk.branches.get(node.path.branch)
    return NodeAnswer(
        branch=node.path.branch,
        node=node.path.node,
        visit=node.path.visit,
        attempt=node.attempt,
        call=node.call,
        status=node.status,
        child=node.child,
        messages=branch.messages if branch else (),
    )


def _call_answer(call: CallState) -> CallAnswer:
    return CallAnswer(
        call=call.call,
        tool=call.tool,
        arguments=call.arguments,
        status=call.status,
        attempt=call.attempt,
        approval=call.approval,
    )
