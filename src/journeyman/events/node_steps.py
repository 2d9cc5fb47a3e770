"""What a node's own code did, folded into its token: calls that stand in no list of messages. Pure.

Such a call is named after the node's step (`score#1.t1`, `score#1.m1`); an approval node asks in its own name
(`review#1`). A call that a model asked for has no `#` in its name.
"""

from __future__ import annotations

from typing import assert_never

from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
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
    """Was this call made by a node's code, rather than asked for by a model?"""
    return "#" in call


def after_step(node: NodeState, event: CodeStep) -> NodeState:
    """The token after a step of its code."""
    match event:
        case ModelCalled():
            opened = ModelCallState(call=event.call, attempt=event.attempt, path=event.path)
            return replace(node, model_calls=(*_others(node, event.call), opened))
        case ModelReplied(message=message):
            outcomes = node.outcomes if message.partial else {**node.outcomes, event.call: message}
            return replace(node, model_calls=_others(node, event.call), outcomes=outcomes)
        case ModelFailed():
            return replace(node, model_calls=_others(node, event.call))
        case ToolCallStarted():
            return _tool_started(node, event)
        case ToolCallFinished():
            calls = tuple(call for call in node.calls if call.call != event.call)
            return replace(node, calls=calls, outcomes={**node.outcomes, event.call: event})
        case ApprovalRequested(call=node.call):
            return replace(node, status="waiting", approval=event.approval, decision=None)
        case ApprovalRequested():
            return _asked(node, event)
        case _:
            assert_never(event)


def after_answer(walk: GraphPosition, event: ApprovalGiven) -> GraphPosition:
    """The walk after a human's answer: to a node, to a call of its code, or to one that its model asked for."""
    for node in walk.nodes:
        if node.status == "waiting" and node.approval == event.approval:
            return walk.moved(replace(node, status="answered", decision=event.decision))
        if any(is_asked(call, event) for call in node.calls):
            return walk.moved(replace(node, calls=answered(node.calls, event)))
    for name, branch in walk.branches.items():
        if any(is_asked(call, event) for call in branch.calls):
            held = replace(branch, calls=answered(branch.calls, event))
            return replace(walk, branches={**walk.branches, name: held})
    return walk


def is_asked(call: CallState, event: ApprovalGiven) -> bool:
    return call.approval == event.approval and call.status == "waiting"


def waiting(calls: tuple[CallState, ...], event: ApprovalRequested) -> tuple[CallState, ...]:
    """The calls, with this one waiting for a human."""
    return with_call(
        calls,
        event.call,
        status="waiting",
        approval=event.approval,
        kind=event.kind,
        question=event.message if event.kind == "question" else "",
        arguments=event.arguments,
        args_hash=event.args_hash,
        decision=None,
    )


def answered(calls: tuple[CallState, ...], event: ApprovalGiven) -> tuple[CallState, ...]:
    """The calls, one of which this answer is about."""
    return tuple(_with_answer(call, event) if is_asked(call, event) else call for call in calls)


def _with_answer(call: CallState, event: ApprovalGiven) -> CallState:
    arguments = call.arguments if event.arguments is None else event.arguments
    if call.kind == "question" and event.decision == "done":
        call = replace(call, answers=(*call.answers, Answered(call.question, event.result or "")))
    return replace(call, status="answered", decision=event.decision, arguments=arguments, answer=event.result)


def _others(node: NodeState, call: str) -> tuple[ModelCallState, ...]:
    return tuple(held for held in node.model_calls if held.call != call)


def _known(node: NodeState, event: ToolCallStarted | ApprovalRequested) -> NodeState:
    """With the call among the open ones: its first event says all that there is to know of it."""
    if any(call.call == event.call for call in node.calls):
        return node
    call_id = event.call_id if isinstance(event, ToolCallStarted) else event.call
    call = CallState(call=event.call, call_id=call_id, tool=event.tool, arguments=event.arguments, path=event.path)
    return replace(node, calls=(*node.calls, call))


def _tool_started(node: NodeState, event: ToolCallStarted) -> NodeState:
    node = _known(node, event)
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


def _asked(node: NodeState, event: ApprovalRequested) -> NodeState:
    node = _known(node, event)
    return replace(node, calls=waiting(node.calls, event))
