"""How a run ends: every open call is closed first, then the end. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection

from journeyman.agents.tool_calls import OUTCOME_UNKNOWN
from journeyman.events.child_runs import ChildState
from journeyman.events.events import Ended, Event, Failure, ModelFailed, ModelReplied, NodeLeft, ToolCallFinished
from journeyman.events.fold import AgentState
from journeyman.events.graph_position import NodeState
from journeyman.events.messages import Message, TextPart
from journeyman.events.open_calls import CallState, ModelCallState


def closing(state: AgentState, said: Callable[[str], str], executing: Collection[str], end: Ended) -> tuple[Event, ...]:
    """The events that end the run.

    `said` tells what an open model call has said so far; `executing` names the calls whose code was running when the
    run was stopped: of those without a harmless repeat nobody knows the outcome.
    """
    models = (close_model(call, said(call.call)) for call in state.open_model_calls)
    calls = (close_call(call, executing) for call in state.open_calls)
    working = {child.run_id for child in state.open_children}
    children = (_close_child(child) for child in state.open_children)
    nodes = (_close_node(node) for node in state.open_nodes if node.child not in working)
    return (*models, *calls, *children, *nodes, end)


def close_model(call: ModelCallState, text: str) -> ModelReplied | ModelFailed:
    if not text:
        failure = Failure("cancelled", "The run ended before the model replied.")
        return ModelFailed(call=call.call, attempt=call.attempt, error=failure, path=call.path)
    message = Message(role="assistant", content=(TextPart(text),), partial=True)
    return ModelReplied(
        call=call.call, attempt=call.attempt, model="", message=message, finish_reason="cancelled", path=call.path
    )


def _close_node(node: NodeState) -> NodeLeft:
    failure = Failure("cancelled", "The run ended before this node was done.")
    return NodeLeft(call=node.call, attempt=node.attempt, error=failure, path=node.path)


def _close_child(child: ChildState) -> NodeLeft:
    failure = Failure("child_cancelled", "The run ended before this child did; the child was asked to end.")
    return NodeLeft(call=child.call, attempt=child.attempt, error=failure, path=child.path)


def close_call(call: CallState, executing: Collection[str]) -> ToolCallFinished:
    if call.call in executing or call.status == "orphaned" or call.kind == "unknown_outcome":
        failure = Failure(OUTCOME_UNKNOWN, "The run ended while this call ran: whether it happened is unknown.")
    else:
        failure = Failure("cancelled", "The run ended before this call ran.")
    return ToolCallFinished(
        call=call.call, call_id=call.call_id, tool=call.tool, error=failure, attempts=call.attempt, path=call.path
    )
