"""How a run ends: every open call is closed first, then the end. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection

from journeyman.agents.calls import OUTCOME_UNKNOWN
from journeyman.events.calls import CallState, ModelCallState
from journeyman.events.events import Ended, Event, Failure, ModelFailed, ModelReplied, NodeLeft, ToolCallFinished
from journeyman.events.messages import Message, TextPart
from journeyman.events.state import AgentState
from journeyman.events.walk import NodeState


def closing(state: AgentState, said: Callable[[str], str], executing: Collection[str], end: Ended) -> tuple[Event, ...]:
    """The events that end the run.

    `said` tells what an open model call has said so far; `executing` names the calls whose code was running when the
    run was stopped: of those without a harmless repeat nobody knows the outcome.
    """
    models = (_close_model(call, said(call.call)) for call in state.open_model_calls)
    calls = (_close_call(call, executing) for call in state.open_calls)
    nodes = (_close_node(node) for node in state.open_nodes)
    return (*models, *calls, *nodes, end)


def _close_model(call: ModelCallState, text: str) -> ModelReplied | ModelFailed:
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


def _close_call(call: CallState, executing: Collection[str]) -> ToolCallFinished:
    if call.call in executing or call.status == "orphaned" or call.kind == "unknown_outcome":
        failure = Failure(OUTCOME_UNKNOWN, "The run ended while this call ran: whether it happened is unknown.")
    else:
        failure = Failure("cancelled", "The run ended before this call ran.")
    return ToolCallFinished(
        call=call.call, call_id=call.call_id, tool=call.tool, error=failure, attempts=call.attempt, path=call.path
    )
