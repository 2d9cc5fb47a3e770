"""Turns actions and outcomes into the events that record them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from journeyman.agents.decision import (
    AddMessage,
    AskHuman,
    CallModel,
    CallTool,
    EndBranch,
    EnterNode,
    LeaveNode,
    ReachLimit,
    Settle,
    Summarize,
)
from journeyman.agents.history_window import estimated_tokens
from journeyman.events.events import (
    ApprovalRequested,
    BranchEnded,
    Event,
    Failure,
    HistorySummarized,
    LimitReached,
    MessageAdded,
    ModelCalled,
    NodeEntered,
    NodeLeft,
    ScriptTurn,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.fold import AgentState, replace
from journeyman.ids import APPROVAL, Ids
from journeyman.llm.client import ModelReply, ModelRequest
from journeyman.tools.spec import ToolOutcome

# actions that are done once they are recorded
Instant = Settle | AskHuman | AddMessage | ReachLimit | EnterNode | LeaveNode | EndBranch


def instant_event(action: Instant, ids: Ids, now: Callable[[], int]) -> Event:
    """Return the event of an action that is done once it is recorded. `now` returns µs since 1970."""
    match action:
        case Settle():
            return closed_without_running(action)
        case AskHuman():
            return _approval(action, ids, now)
        case AddMessage():
            return MessageAdded(message=action.message, correction=action.correction, path=action.path)
        case ReachLimit():
            return LimitReached(limit=action.limit, value=action.value, budget=action.budget, then=action.then)
        case EnterNode():
            return NodeEntered(call=action.call, attempt=action.attempt, joins=action.joins, path=action.path)
        case LeaveNode():
            return NodeLeft(
                call=action.call, attempt=action.attempt, result=action.result, error=action.failure, path=action.path
            )
        case EndBranch():
            return BranchEnded(to=action.to, edge=action.edge, path=action.path)


def closed_without_running(action: Settle) -> ToolCallFinished:
    """Return the end of a tool call that was not run: rejected, denied or answered by a human."""
    return ToolCallFinished(
        call=action.call,
        call_id=action.call_id,
        tool=action.tool,
        result=action.result,
        error=action.failure,
        attempts=action.attempts,
        human=action.human,
        path=action.path,
    )


def _approval(action: AskHuman, ids: Ids, now: Callable[[], int]) -> ApprovalRequested:
    seconds = action.deadline_seconds
    return ApprovalRequested(
        approval=ids.new(APPROVAL),
        kind=action.kind,
        call=action.call,
        tool=action.tool,
        arguments=action.arguments,
        message=action.message,
        args_hash=action.args_hash,
        decisions=action.decisions,
        result=action.result,
        deadline=None if seconds is None else now() + round(seconds * 1_000_000),
        default=action.default,
        answerer=action.answerer,
        hidden=action.hidden,
        limit=action.limit,
        live=action.live,
        path=action.path,
    )


def model_called(action: CallModel, state: AgentState, model: str, request: ModelRequest, first_no: int) -> ModelCalled:
    """Return the start of a model call: which messages it sees and a hash of the request, never their text.

    `first_no` is the number of the first stored message that it sees.
    """
    return ModelCalled(
        call=action.call,
        attempt=action.attempt,
        model=model,
        first_no=first_no,
        messages=len(request.messages),
        request_hash=_request_hash(state, request, first_no),
        gateway=request.gateway,
        path=action.path,
    )


def _request_hash(state: AgentState, request: ModelRequest, first_no: int) -> str:
    """Return a hash of the request. Stored messages never change, so their range is hashed instead of their text."""
    prompt = request.messages[: 1 if state.summary is None else 2]
    own = msgspec.json.encode((state.version, prompt, state.thread, first_no, state.last_no, state.messages))
    return hashlib.sha256(own).hexdigest()[:16]


def taken_turn(request: ModelRequest) -> ScriptTurn | None:
    """Return the turn that the request takes from its script or recording. None: it takes none."""
    return ScriptTurn(request.model, request.turn) if request.turn else None


def history_summarized_event(action: Summarize, outcome: ModelReply | Failure, latency_ms: float) -> HistorySummarized:
    """Return the outcome of a summary. A text that is empty or too long is recorded as the error `summary_unusable`."""
    event = HistorySummarized(first_no=action.first_no, last_no=action.last_no, text="", latency_ms=latency_ms)
    event = event if action.request.turn is None else replace(event, turn=taken_turn(action.request))
    if isinstance(outcome, Failure):
        return replace(event, error=outcome)
    event = replace(event, model=outcome.model, usage=outcome.usage)
    text, size = outcome.message.text.strip(), estimated_tokens(outcome.message)
    if text and size <= action.most_tokens:
        return replace(event, text=text)
    what = f"is of about {size} tokens; there is room for {action.most_tokens}" if text else "is empty"
    return replace(event, error=Failure("summary_unusable", f"The summary of the earlier messages {what}."))


def tool_started(action: CallTool, state: AgentState, attempt: int) -> ToolCallStarted:
    """Return the start of an attempt of a tool call."""
    return ToolCallStarted(
        call=action.call,
        call_id=action.call_id,
        tool=action.spec.name,
        arguments=action.arguments,
        attempt=attempt,
        idempotency_key=idempotency_key(state, action.call),
        code_hash=action.spec.code_hash,
        hidden=action.spec.sensitive,
        path=action.path,
    )


def tool_finished(action: CallTool, outcome: ToolOutcome) -> ToolCallFinished:
    """Return the end of a tool call that was run."""
    return ToolCallFinished(
        call=action.call,
        call_id=action.call_id,
        tool=action.spec.name,
        result=outcome.result if outcome.failure is None else None,
        error=outcome.failure,
        duration_ms=round(outcome.duration_ms, 3),
        attempts=outcome.attempts,
        cached=outcome.cached,
        human=action.human,
        files=outcome.parts,
        path=action.path,
    )


def idempotency_key(state: AgentState, call: str) -> str:
    """Return the key that all attempts of a call share, also after a crash or a fork.

    It is made of ids alone: the model cannot choose it.
    """
    if state.forked is not None:
        for copied in state.forked.calls:
            if copied.call == call and copied.idempotency_key:
                return copied.idempotency_key
    return f"{state.run_id}:{call}"
