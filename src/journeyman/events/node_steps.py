"""Folds the steps of a node's own code into the node's state. Pure.

Their calls appear in no list of messages. Such a call is named after the node's step (`score#1.t1`, `score#1.m1`); an
approval node uses its own step (`review#1`). A call that a model asked for has no `#` in its name.
"""

from __future__ import annotations

from typing import assert_never

from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    HumanChange,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.graph_position import GraphPosition, NodeState, replace, with_call
from journeyman.events.open_calls import Answered, CallState, ModelCallState

CodeStep = ModelCalled | ModelReplied | ModelFailed | ToolCallStarted | ToolCallFinished | ApprovalRequested


def is_of_code(call: str) -> bool:
    """Return whether a call was made by a node's code, not asked for by a model."""
    return "#" in call


def after_step(node: NodeState, event: CodeStep) -> NodeState:
    """Return the node after a step of its code."""
    match event:
        case ModelCalled():
            opened = ModelCallState(call=event.call, attempt=event.attempt, path=event.path)
            return replace(node, model_calls=(*_other_model_calls(node, event.call), opened))
        case ModelReplied(message=message):
            outcomes = node.outcomes if message.partial else {**node.outcomes, event.call: message}
            return replace(node, model_calls=_other_model_calls(node, event.call), outcomes=outcomes)
        case ModelFailed():
            return replace(node, model_calls=_other_model_calls(node, event.call))
        case ToolCallStarted():
            return _tool_started(node, event)
        case ToolCallFinished():
            calls = tuple(call for call in node.calls if call.call != event.call)
            return replace(node, calls=calls, outcomes={**node.outcomes, event.call: event})
        case ApprovalRequested(call=node.call):
            return replace(node, status="waiting", approval=event.approval, decision=None)
        case ApprovalRequested():
            return _approval_requested(node, event)
        case _:
            assert_never(event)


def after_answer(position: GraphPosition, event: ApprovalGiven) -> GraphPosition:
    """Return the position after a human's answer to a node, to a call of its code, or to a call in a branch."""
    for node in position.nodes:
        if node.status == "waiting" and node.approval == event.approval:
            return position.with_node(replace(node, status="answered", decision=event.decision))
        if any(is_asked(call, event) for call in node.calls):
            return position.with_node(replace(node, calls=answered(node.calls, event)))
    for name, branch in position.branches.items():
        if any(is_asked(call, event) for call in branch.calls):
            changed = replace(branch, calls=answered(branch.calls, event))
            return replace(position, branches={**position.branches, name: changed})
    return position


def is_asked(call: CallState, event: ApprovalGiven) -> bool:
    """Return whether the call waits for this answer."""
    return call.approval == event.approval and call.status == "waiting"


def waiting(calls: tuple[CallState, ...], event: ApprovalRequested) -> tuple[CallState, ...]:
    """Return the calls, with one of them waiting for a human."""
    return with_call(
        calls,
        event.call,
        status="waiting",
        approval=event.approval,
        kind=event.kind,
        question=event.message if event.kind == "question" else "",
        arguments=event.arguments,
        args_hash=event.args_hash,
        live=event.live,
        decision=None,
    )


def answered(calls: tuple[CallState, ...], event: ApprovalGiven) -> tuple[CallState, ...]:
    """Return the calls, with the answer stored in the one that waits for it."""
    for place, call in enumerate(calls):
        if is_asked(call, event):
            return (*calls[:place], _with_answer(call, event), *calls[place + 1 :])
    return calls


def _with_answer(call: CallState, event: ApprovalGiven) -> CallState:
    arguments = call.arguments if event.arguments is None else event.arguments
    if arguments != call.arguments:
        call = replace(call, edit=HumanChange(arguments=event.arguments, hidden=event.hidden))
    if call.kind == "question" and event.decision == "done":
        call = replace(call, answers=(*call.answers, Answered(call.question, event.result or "")))
    return replace(call, status="answered", decision=event.decision, arguments=arguments, answer=event.result)


def _other_model_calls(node: NodeState, call: str) -> tuple[ModelCallState, ...]:
    return tuple(other for other in node.model_calls if other.call != call)


def _with_open_call(node: NodeState, event: ToolCallStarted | ApprovalRequested) -> NodeState:
    """Return the node with the event's call among its open ones. A call is opened by its first event."""
    if any(call.call == event.call for call in node.calls):
        return node
    call_id = event.call_id if isinstance(event, ToolCallStarted) else event.call
    call = CallState(call=event.call, call_id=call_id, tool=event.tool, arguments=event.arguments, path=event.path)
    return replace(node, calls=(*node.calls, call))


def _tool_started(node: NodeState, event: ToolCallStarted) -> NodeState:
    node = _with_open_call(node, event)
    calls = with_call(
        node.calls,
        event.call,
        status="started",
        attempt=event.attempt,
        arguments=event.arguments,
        code_hash=event.code_hash,
        decision=None,
    )
    return replace(node, calls=calls)


def _approval_requested(node: NodeState, event: ApprovalRequested) -> NodeState:
    node = _with_open_call(node, event)
    return replace(node, calls=waiting(node.calls, event))
