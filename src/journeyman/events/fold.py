"""Folds the events of a run into its state, over the thread messages that its RunStarted names. The only fold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, assert_never

import msgspec

from journeyman.events import child_runs as children
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
    HistorySummarized,
    LimitReached,
    MessageAdded,
    MessageReplaced,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    NodeEntered,
    NodeLeft,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    Spent,
    StepRemembered,
    ThreadCreated,
    ThreadErased,
    ThreadRenamed,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.graph_position import interrupted_calls, joined_into, with_call
from journeyman.events.limit_questions import limit_question_of, new_limit
from journeyman.events.merge_patch import merge_patch
from journeyman.events.messages import Message
from journeyman.events.node_steps import after_answer, after_step, answered, is_of_code, waiting
from journeyman.events.open_calls import CallState, ModelCallState, unallowed_decisions
from journeyman.events.origin import RequestOrigin
from journeyman.events.state import AgentState, Status, Summary, apply_summary, into_branch, out_of_branch
from journeyman.events.transcript import is_empty_reply, message_of, owned_reply

replace = msgspec.structs.replace

__all__ = ["ANSWER_CALL", "DIRECT_CALL", "AgentState", "Status", "apply", "fold", "replace"]

_InNode = ModelCalled | ModelReplied | ModelFailed | ToolCallStarted | ToolCallFinished | ApprovalRequested

ANSWER_CALL = "answer"  # the model call that a run makes at a limit
DIRECT_CALL = "d.0"  # the step of the only call of a direct run


def fold(run_id: str, events: Iterable[tuple[int, int, Event]], history: tuple[Message, ...] = ()) -> AgentState:
    """Return the state after all events, each given as (seq, at, event). `history` are the thread's messages."""
    state = AgentState(run_id=run_id, history=history)
    for seq, at, event in events:
        state = apply(state, seq, at, event)
    return state


def apply(state: AgentState, seq: int, at: int, event: Event) -> AgentState:
    """Return the state after one more event. Handles every type of event."""
    if state.status == "running" and type(event) is not RunResumed and not (type(event) is RunForked and event.epoch):
        active_us = state.active_us + max(0, at - state.at)
    else:
        active_us = state.active_us
    return _apply(replace(state, seq=max(seq, state.seq), at=max(at, state.at), active_us=active_us), at, event)


def _apply(state: AgentState, at: int, event: Event) -> AgentState:
    match event:
        case ModelCalled() | ModelReplied() | ModelFailed():
            state = _apply_in_node(state, event) if event.path.node else _apply_model(state, event)
            ended = state.answering and event.call == ANSWER_CALL and type(event) is not ModelCalled
            return replace(state, answering="done") if ended else state
        case ToolCallStarted() | ToolCallFinished() | ApprovalRequested():
            return _apply_in_node(state, event) if event.path.node else _apply_call(state, event)
        case ApprovalGiven():
            return _answer(state, event)
        case RunAccepted() | RunStarted() | RunPaused() | RunResumed() | CancelRequested() | LimitReached():
            return _apply_life(state, at, event)
        case RunFinished(output=output, stopped_by=stopped_by):
            return replace(state, status="finished", output=output, stopped_by=stopped_by)
        case RunFailed(error=error):
            return replace(state, status="failed", error=error)
        case RunCancelled():
            return replace(state, status="cancelled")
        case ContextChanged():
            return _change_context(state, event)
        case MessageAdded():
            return _apply_in_node(state, event) if event.path.node else _add_message(state, event)
        case StepRemembered(name=name, value=value):
            return replace(state, remembered={**state.remembered, name: value})
        case NodeEntered(joins=()):
            return _enter(state, event)
        case NodeEntered():
            return _join(state, event)
        case NodeLeft():
            return _leave(state, event)
        case BranchEnded():
            return replace(state, walk=state.walk.ended(event))
        case MessageReplaced():
            return _with_message(state, event)
        case RunForked():
            return _fork(state, event)
        case HistorySummarized():
            return apply_summary(state, event)
        case BudgetWarned() | ThreadCreated() | ThreadRenamed() | ThreadErased():
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
                parent=event.parent,
                bounds=event.bounds,
                stream=event.stream,
                retries=event.retries,
                origin=RequestOrigin.of(event),
            )
        case RunStarted():
            return replace(
                state,
                status=state.status if state.ended else "running",  # ended: it was cancelled in the queue
                epoch=event.epoch,
                started_at=at,
                first_no=event.first_no,
                last_no=event.last_no,
                summary=Summary(stream=event.summary_stream, seq=event.summary) if event.summary else None,
                pinned_nos=event.pinned,
                thread_context=event.thread_context,
                global_context=event.global_context,
                messages=(state.input,) if state.input else (),
                calls=_direct_calls(state.direct),
            )
        case RunPaused():
            question = state.limit_question and state.limit_question.after_pause(event)
            since = state.lacked_at or (at if event.lacks is not None else 0)
            billed = state.billed or (event.lacks is not None and event.lacks.billed)
            paused = replace(state, status="paused", waiting_for=event.waiting_for, limit_question=question)
            return replace(paused, lacks=event.lacks, lacked_at=since, billed=billed)
        case RunResumed():
            return _resume(state, event)
        case CancelRequested():
            return replace(state, cancel=state.cancel or event)
        case LimitReached():
            return _reach_limit(state, event)
        case _:
            assert_never(event)


def _resume(state: AgentState, event: RunResumed) -> AgentState:
    """Continue the run. Steps are interrupted by a take-over, and by a pause for what the run lacked."""
    approved = state.limit_question is not None and state.limit_question.status == "approved"
    question = None if approved else state.limit_question
    resumed = replace(state, status="running", epoch=event.epoch, limit_question=question, lacks=None)
    return _orphan(resumed) if event.reason != "answered" or state.lacks is not None else resumed


def _reach_limit(state: AgentState, event: LimitReached) -> AgentState:
    """Keep the first limit. If the run reaches another one while it answers, it stops."""
    if state.limit is None:
        answering: Literal["", "due"] = "due" if event.then == "answer" else ""
        return replace(state, limit=event, answering=answering, limit_question=None)
    return replace(state, answering="done") if state.answering and event.limit != state.limit.limit else state


def _direct_calls(direct: DirectCall | None) -> tuple[CallState, ...]:
    if direct is None:
        return ()
    return (CallState(call=DIRECT_CALL, call_id=DIRECT_CALL, tool=direct.tool, arguments=direct.arguments),)


def _orphan(state: AgentState) -> AgentState:
    """Mark work that was started and not finished as orphaned, after a take-over."""
    model_call = replace(state.model_call, orphaned=True) if state.model_call else None
    return replace(state, calls=interrupted_calls(state.calls), model_call=model_call, walk=state.walk.orphaned())


def _change_context(state: AgentState, event: ContextChanged) -> AgentState:
    if event.path.branch:
        walk, conflict = state.walk.patched(event, state.thread_context)
        state = replace(state, walk=walk, failure=state.failure or conflict)
    if event.scope == "thread":
        return replace(state, thread_context=merge_patch(state.thread_context, event.patch))
    return replace(state, global_context=merge_patch(state.global_context, event.patch))


def _add_message(state: AgentState, event: MessageAdded) -> AgentState:
    return replace(state, messages=(*state.messages, event.message), corrections=state.corrections + event.correction)


def _fork(state: AgentState, event: RunForked) -> AgentState:
    """Mark work that was under way in the parent as orphaned, and drop the permissions that humans gave there."""
    if not event.epoch:
        return state
    under_way = {call.call: call for call in event.calls}

    def forked(call: CallState) -> CallState:
        return unallowed_decisions(replace(call, forked=under_way.get(call.call, call.forked)))

    calls = tuple(map(forked, state.calls))
    walk = state.walk.with_calls(forked).without_children()
    interrupted = children.interrupted_children(state.children)
    return _orphan(replace(state, epoch=event.epoch, calls=calls, forked=event, walk=walk, children=interrupted))


def _enter(state: AgentState, event: NodeEntered) -> AgentState:
    walk = state.walk.entered(event) if event.path.node else state.walk
    return replace(state, walk=walk, children=children.child_entered(state.children, event))


def _leave(state: AgentState, event: NodeLeft) -> AgentState:
    """Leave a node. A child run that ended adds what it used."""
    walk = state.walk.left(event) if event.path.node else state.walk
    if children.children_of_call(state.children, event) is None:
        return replace(state, walk=walk)
    spent = event.spent or Spent()
    return replace(
        state.charged(spent.usage),
        walk=walk,
        children=children.child_left(state.children, event),
        child_steps=state.child_steps + spent.steps,
        tool_calls=state.tool_calls + spent.tool_calls,
        errors=(*state.errors, event.error)[-10:] if event.error else state.errors,
    )


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
                model_call=ModelCallState(call=event.call, attempt=event.attempt, path=event.path),
                model_calls=state.model_calls + first,
                first_no=event.first_no,
            )
        case ModelReplied(message=message):
            return replace(
                state,
                model_call=None,
                messages=(*state.messages, owned_reply(event)),
                calls=() if message.partial else _asked(event),
                tool_calls=state.tool_calls + len(message.tool_calls),
                usage=state.usage + event.usage,
                uncached_tokens=state.uncached_tokens + event.usage.uncached_tokens,
                model=event.model,
                finish_reason=event.finish_reason,
                empty_replies=state.empty_replies + 1 if is_empty_reply(event) else 0,
                failure=None,
                lacked_at=0,
                billed=False,
            )
        case ModelFailed(error=error):
            return replace(state, model_call=None, failure=error, errors=(*state.errors, error)[-10:])
        case _:
            assert_never(event)


def _asked(event: ModelReplied) -> tuple[CallState, ...]:
    return tuple(
        CallState(
            call=f"{event.call}.{index}",
            call_id=call.id,
            tool=call.name,
            arguments=call.arguments,
            path=event.path,
            finish_reason=event.finish_reason,
        )
        for index, call in enumerate(event.message.tool_calls)
    )


def _apply_call(state: AgentState, event: ToolCallStarted | ToolCallFinished | ApprovalRequested) -> AgentState:
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
        case ApprovalRequested(limit=None):
            return replace(state, calls=waiting(state.calls, event))
        case ApprovalRequested():
            return replace(state, limit_question=limit_question_of(event))
        case _:
            assert_never(event)


def _with_call(state: AgentState, name: str, **changes: Any) -> AgentState:
    return replace(state, calls=with_call(state.calls, name, **changes))


def _answer(state: AgentState, event: ApprovalGiven) -> AgentState:
    question = state.limit_question
    if question is not None and question.approval == event.approval:
        if event.decision == "approve":
            asked = question.asked
            state = replace(state, raised={**state.raised, asked.name: new_limit(event, asked)})
        return replace(state, limit_question=question.answered_by(event))
    calls = answered(state.calls, event)
    if calls is not state.calls:
        return replace(state, calls=calls)
    return replace(state, walk=after_answer(state.walk, event))


def _finish_call(state: AgentState, event: ToolCallFinished) -> AgentState:
    """Finish a call. After the last one of a reply, add all results to the messages, in the order of the calls."""
    state = _with_call(state, event.call, status="finished", message=message_of(event))
    if event.error is not None:
        state = replace(state, errors=(*state.errors, event.error)[-10:])
    for call in reversed(state.calls):  # the last calls finish last, as a rule: this finds one at once
        if call.status != "finished":
            return state
    if state.direct is not None:
        return replace(state, calls=(), output=event.result or "", failure=event.error, direct_call=event)
    results = tuple(call.message for call in state.calls if call.message is not None)
    return replace(state, calls=(), messages=(*state.messages, *results), corrections=0)


# --- steps of nodes


def _apply_in_node(state: AgentState, event: _InNode | MessageAdded) -> AgentState:
    """Apply a step of a node: to its branch as if the branch were a run, or to the node if its code made the step."""
    if not isinstance(event, MessageAdded) and is_of_code(event.call):
        return _apply_in_code(state, event)
    branch = state.walk.branches.get(event.path.branch)
    if branch is None and event.path.branch:
        return state
    inner = into_branch(state, branch) if branch is not None else state
    match event:
        case ModelCalled() | ModelReplied() | ModelFailed():
            inner = _apply_model(inner, event)
        case ToolCallStarted() | ToolCallFinished() | ApprovalRequested():
            inner = _apply_call(inner, event)
        case MessageAdded():
            inner = _add_message(inner, event)
        case _:
            assert_never(event)
    if branch is not None:
        inner = out_of_branch(state, inner, event.path.branch, branch)
    return _mark_node(replace(inner, failure=state.failure), event)


def _mark_node(state: AgentState, event: _InNode | MessageAdded) -> AgentState:
    node = state.walk.at(event.path.branch)
    if node is None or node.path != event.path:
        return state
    if type(event) is ModelReplied:
        again = is_empty_reply(event) and not node.empty_reply
        return replace(state, walk=state.walk.with_node(replace(node, replied=not again, empty_reply=again)))
    if type(event) is ModelFailed:
        return replace(state, walk=state.walk.with_node(replace(node, failure=event.error)))
    return state


def _apply_in_code(state: AgentState, event: _InNode) -> AgentState:
    """Apply a step of a node's code. It counts like any other, but its messages are not in the conversation."""
    node = state.walk.at(event.path.branch)
    if node is None:
        return state
    match event:
        case ModelCalled():
            first = all(call.call != event.call for call in node.model_calls)
            state = replace(state, model_calls=state.model_calls + first)
        case ModelReplied():
            state = replace(state.charged(event.usage), model=event.model, finish_reason=event.finish_reason)
        case ToolCallStarted():
            state = replace(state, tool_calls=state.tool_calls + (event.attempt == 1))
        case ModelFailed(error=error) | ToolCallFinished(error=Failure() as error):
            state = replace(state, errors=(*state.errors, error)[-10:])
        case _:
            pass
    return replace(state, walk=state.walk.with_node(after_step(node, event)))


def _join(state: AgentState, event: NodeEntered) -> AgentState:
    into = joined_into(event.path.branch, event.joins)
    walk, joined = state.walk.joined(into, event.joins)
    messages = state.messages if into else (*state.messages, *joined)
    return replace(state, messages=messages, walk=walk.entered(event))
