"""The state of a run: the fold of its events over the thread view that its RunStarted names. The only fold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, assert_never

import msgspec

from journeyman.events.events import (
    ROOT,
    ApprovalGiven,
    ApprovalRequested,
    BudgetWarned,
    CancelRequested,
    ContextChanged,
    Decision,
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
    NodeEntered,
    NodeLeft,
    Path,
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
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.merge_patch import merge_patch
from journeyman.events.messages import JSON, Message, Usage
from journeyman.events.transcript import message_of

replace = msgspec.structs.replace

Status = Literal["queued", "running", "paused", "finished", "failed", "cancelled"]
CallStatus = Literal["asked", "started", "orphaned", "waiting", "answered", "finished"]
DIRECT_CALL = "d.0"  # the step name of a run that is one tool call


class CallState(msgspec.Struct, frozen=True, kw_only=True):
    """One tool call that the last reply asked for."""

    call: str
    call_id: str
    tool: str
    arguments: str | dict[str, JSON]  # text as the model gave it; an object once it is known to be one
    status: CallStatus = "asked"
    attempt: int = 0
    code_hash: str = ""  # of the tool when it was last started
    approval: str | None = None  # the approval that is open, or was answered
    kind: str = ""  # that approval's kind
    args_hash: str = ""  # what that approval was asked for
    decision: Decision | None = None
    answer: str | None = None  # the result that a human gave
    forked: ForkedCall | None = None  # it was under way where the run was forked
    message: Message | None = None  # when finished: what the model reads
    path: Path = ROOT


class ModelCallState(msgspec.Struct, frozen=True, kw_only=True):
    """The model call that is open."""

    call: str
    attempt: int
    orphaned: bool = False


class AgentState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision may depend on. `history` is the thread's view; `messages` are this run's own."""

    run_id: str = ""
    thread: str = ""
    principal: str = ""
    agent: str | None = None
    version: str | None = None
    input: Message | None = None
    direct: DirectCall | None = None
    stream: bool = False
    request_id: str | None = None
    trace_id: str | None = None
    status: Status = "queued"
    epoch: int = 0
    seq: int = 0  # of the last event applied
    at: int = 0  # its time
    started_at: int = 0
    active_us: int = 0  # running time: neither pauses nor down time
    first_no: int = 1
    last_no: int = 0
    history: tuple[Message, ...] = ()
    thread_context: dict[str, JSON] = {}
    global_context: dict[str, JSON] = {}
    messages: tuple[Message, ...] = ()
    calls: tuple[CallState, ...] = ()  # of the last reply, until all are finished
    model_call: ModelCallState | None = None
    model_calls: int = 0
    tool_calls: int = 0
    corrections: int = 0  # messages added since the last tool result: a typed answer asked again
    usage: Usage = Usage()
    model: str = ""
    direct_call: ToolCallFinished | None = None  # how the lone call of a direct run ended
    remembered: dict[str, JSON] = {}
    errors: tuple[Failure, ...] = ()  # the last ten
    failure: Failure | None = None  # the model call failed for good
    forked: RunForked | None = None  # where the run comes from
    cancel: CancelRequested | None = None
    limit: LimitReached | None = None
    output: str = ""
    stopped_by: str | None = None
    error: Failure | None = None

    @property
    def ended(self) -> bool:
        return self.status in ("finished", "failed", "cancelled")

    @property
    def open_calls(self) -> tuple[CallState, ...]:
        return tuple(call for call in self.calls if call.status != "finished")

    @property
    def open_approvals(self) -> tuple[str, ...]:
        return tuple(call.approval for call in self.calls if call.status == "waiting" and call.approval)

    @property
    def last_reply(self) -> Message | None:
        """The newest message of the model in this run."""
        return next((message for message in reversed(self.messages) if message.role == "assistant"), None)


def fold(run_id: str, facts: Iterable[tuple[int, int, Event]], history: tuple[Message, ...] = ()) -> AgentState:
    """The state after (seq, at, event)…, over the messages of its thread view."""
    state = AgentState(run_id=run_id, history=history)
    for seq, at, event in facts:
        state = apply(state, seq, at, event)
    return state


def apply(state: AgentState, seq: int, at: int, event: Event) -> AgentState:
    """The state after one more event. Pure; total over the closed union."""
    if state.status == "running" and type(event) is not RunResumed and not (type(event) is RunForked and event.epoch):
        active_us = state.active_us + max(0, at - state.at)
    else:
        active_us = state.active_us
    return _apply(replace(state, seq=max(seq, state.seq), at=max(at, state.at), active_us=active_us), at, event)


def _apply(state: AgentState, at: int, event: Event) -> AgentState:
    match event:
        case ModelCalled() | ModelReplied() | ModelFailed():
            return _apply_model(state, event)
        case ToolCallStarted() | ToolCallFinished() | ApprovalRequested() | ApprovalGiven():
            return _apply_call(state, event)
        case RunAccepted() | RunStarted() | RunPaused() | RunResumed() | CancelRequested() | LimitReached():
            return _apply_life(state, at, event)
        case RunFinished(output=output, stopped_by=stopped_by):
            return replace(state, status="finished", output=output, stopped_by=stopped_by)
        case RunFailed(error=error):
            return replace(state, status="failed", error=error)
        case RunCancelled():
            return replace(state, status="cancelled")
        case ContextChanged(scope="thread", patch=patch):
            return replace(state, thread_context=merge_patch(state.thread_context, patch))
        case ContextChanged(patch=patch):
            return replace(state, global_context=merge_patch(state.global_context, patch))
        case MessageAdded(message=message, correction=correction):
            return replace(state, messages=(*state.messages, message), corrections=state.corrections + correction)
        case MessageReplaced():
            return _with_message(state, event)
        case RunForked():
            return _fork(state, event)
        case StepRemembered(name=name, value=value):
            return replace(state, remembered={**state.remembered, name: value})
        case NodeEntered() | NodeLeft() | BudgetWarned():
            return state
        case ThreadCreated() | ThreadErased() | HistorySummarized():
            return state
        case _:
            assert_never(event)


def _apply_life(
    state: AgentState,
    at: int,
    event: RunAccepted | RunStarted | RunPaused | RunResumed | CancelRequested | LimitReached,
) -> AgentState:
    match event:
        case RunAccepted():
            return replace(
                state,
                thread=event.thread,
                principal=event.principal,
                agent=event.agent,
                version=event.version,
                input=event.input,
                direct=event.direct,
                stream=event.stream,
                request_id=event.request_id,
                trace_id=event.trace_id,
            )
        case RunStarted():
            return replace(
                state,
                status=state.status if state.ended else "running",  # cancelled while queued, as its turn came
                epoch=event.epoch,
                started_at=at,
                first_no=event.first_no,
                last_no=event.last_no,
                thread_context=event.thread_context,
                global_context=event.global_context,
                messages=(state.input,) if state.input else (),
                calls=_direct_calls(state.direct),
            )
        case RunPaused():
            return replace(state, status="paused")
        case RunResumed(epoch=epoch, reason="taken_over"):
            return _orphan(replace(state, status="running", epoch=epoch))
        case RunResumed(epoch=epoch):
            return replace(state, status="running", epoch=epoch)
        case CancelRequested():
            return replace(state, cancel=state.cancel or event)
        case LimitReached():
            return replace(state, limit=state.limit or event)
        case _:
            assert_never(event)


def _direct_calls(direct: DirectCall | None) -> tuple[CallState, ...]:
    if direct is None:
        return ()
    return (CallState(call=DIRECT_CALL, call_id=DIRECT_CALL, tool=direct.tool, arguments=direct.arguments),)


def _orphan(state: AgentState) -> AgentState:
    """After a take-over: what was started and not finished belongs to nobody."""
    calls = tuple(replace(call, status="orphaned") if call.status == "started" else call for call in state.calls)
    model_call = replace(state.model_call, orphaned=True) if state.model_call else None
    return replace(state, calls=calls, model_call=model_call)


def _fork(state: AgentState, event: RunForked) -> AgentState:
    """What was under way in the parent belongs to nobody here, as after a take-over."""
    if not event.epoch:
        return state
    under_way = {call.call: call for call in event.calls}
    calls = tuple(replace(call, forked=under_way.get(call.call, call.forked)) for call in state.calls)
    return _orphan(replace(state, epoch=event.epoch, calls=calls, forked=event))


def _with_message(state: AgentState, event: MessageReplaced) -> AgentState:
    if event.place is None or event.place >= len(state.messages):
        return state
    messages = (*state.messages[: event.place], event.message, *state.messages[event.place + 1 :])
    return replace(state, messages=messages, input=event.message if event.seq == 1 else state.input)


def _apply_model(state: AgentState, event: ModelCalled | ModelReplied | ModelFailed) -> AgentState:
    match event:
        case ModelCalled():
            first = state.model_call is None
            return replace(
                state,
                model_call=ModelCallState(call=event.call, attempt=event.attempt),
                model_calls=state.model_calls + first,
                first_no=event.first_no,
            )
        case ModelReplied(message=message):
            return replace(
                state,
                model_call=None,
                messages=(*state.messages, message),
                calls=() if message.partial else _asked(event),
                tool_calls=state.tool_calls + len(message.tool_calls),
                usage=state.usage + event.usage,
                model=event.model,
                failure=None,
            )
        case ModelFailed(error=error):
            return replace(state, model_call=None, failure=error, errors=(*state.errors, error)[-10:])
        case _:
            assert_never(event)


def _asked(event: ModelReplied) -> tuple[CallState, ...]:
    return tuple(
        CallState(call=f"{event.call}.{index}", call_id=call.id, tool=call.name, arguments=call.arguments)
        for index, call in enumerate(event.message.tool_calls)
    )


def _apply_call(
    state: AgentState, event: ToolCallStarted | ToolCallFinished | ApprovalRequested | ApprovalGiven
) -> AgentState:
    match event:
        case ToolCallStarted():
            return _with_call(
                state,
                event.call,
                status="started",
                attempt=event.attempt,
                arguments=event.arguments,
                code_hash=event.code_hash,
                decision=None,
            )
        case ToolCallFinished():
            return _finish_call(state, event)
        case ApprovalRequested():
            return _with_call(
                state,
                event.call,
                status="waiting",
                approval=event.approval,
                kind=event.kind,
                arguments=event.arguments,
                args_hash=event.args_hash,
                decision=None,
            )
        case ApprovalGiven():
            return _answer(state, event)
        case _:
            assert_never(event)


def _with_call(state: AgentState, name: str, **changes: Any) -> AgentState:
    calls = tuple(replace(call, **changes) if call.call == name else call for call in state.calls)
    return replace(state, calls=calls)


def _answer(state: AgentState, event: ApprovalGiven) -> AgentState:
    asked = next((call for call in state.calls if call.approval == event.approval and call.status == "waiting"), None)
    if asked is None:
        return state
    arguments = asked.arguments if event.arguments is None else event.arguments
    return _with_call(
        state, asked.call, status="answered", decision=event.decision, arguments=arguments, answer=event.result
    )


def _finish_call(state: AgentState, event: ToolCallFinished) -> AgentState:
    """Close the call; when it is the last, all results stand in the messages, in the order of the calls."""
    state = _with_call(state, event.call, status="finished", message=message_of(event))
    if event.error is not None:
        state = replace(state, errors=(*state.errors, event.error)[-10:])
    if any(call.status != "finished" for call in state.calls):
        return state
    if state.direct is not None:
        return replace(state, calls=(), output=event.result or "", failure=event.error, direct_call=event)
    results = tuple(call.message for call in state.calls if call.message is not None)
    return replace(state, calls=(), messages=(*state.messages, *results), corrections=0)
