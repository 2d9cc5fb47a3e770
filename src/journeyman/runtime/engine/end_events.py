"""The events that end a run: the ends of all open calls, then the end of the run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection

from journeyman.agents.tool_calls import OUTCOME_UNKNOWN
from journeyman.events.child_runs import ChildState
from journeyman.events.events import (
    ContextChanged,
    Ended,
    Event,
    Failure,
    ModelFailed,
    ModelReplied,
    NodeLeft,
    ToolCallFinished,
)
from journeyman.events.fold import AgentState
from journeyman.events.graph_position import CONTEXT_CONFLICT, NodeState
from journeyman.events.merge_patch import patch_between
from journeyman.events.messages import Message, TextPart
from journeyman.events.open_calls import CallState, ModelCallState


def closing_events(
    state: AgentState, text_of: Callable[[str], str], executing: Collection[str], end: Ended
) -> tuple[Event, ...]:
    """Return the events that end the run with `end`.

    `text_of` returns what an open model call has said so far. `executing` names the tool calls whose code was running
    when the run was stopped: their outcome is unknown.
    """
    return (*ends_of_open_work(state, text_of, executing), *_restored_context(state), end)


def _restored_context(state: AgentState) -> tuple[ContextChanged, ...]:
    """Return the change that takes back what parallel branches did to the thread's context, if they were in conflict.

    The later of two changes of one key would stay otherwise, and the next run of the thread would believe it.
    """
    if state.failure is None or state.failure.code != CONTEXT_CONFLICT:
        return ()
    then = {**state.thread_context, **state.walk.context_before}
    patch = patch_between(state.thread_context, {key: value for key, value in then.items() if value is not None})
    return (ContextChanged(scope="thread", patch=patch),) if patch else ()


def ends_of_open_work(
    state: AgentState, text_of: Callable[[str], str], executing: Collection[str], unrun: Failure | None = None
) -> tuple[Event, ...]:
    """Return the ends of all calls, child runs and nodes that are open.

    Arguments as for `closing_events`; `unrun` is the failure of tool calls that were not run, if not that of an ended
    run.
    """
    models = (close_model(call, text_of(call.call)) for call in state.open_model_calls)
    calls = (close_call(call, executing, unrun) for call in state.open_calls)
    working = {child.run_id for child in state.open_children}
    children = (_close_child(child) for child in state.open_children)
    nodes = (_close_node(node) for node in state.open_nodes if node.child not in working)
    return (*models, *calls, *children, *nodes)


def close_model(call: ModelCallState, text: str) -> ModelReplied | ModelFailed:
    """Return the end of an open model call: its text so far as a partial reply, or a failure if there is none."""
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


def close_call(call: CallState, executing: Collection[str], unrun: Failure | None = None) -> ToolCallFinished:
    """Return the end of an open tool call, which is `outcome_unknown` if its code may have run, else `unrun`."""
    if call.call in executing or call.status == "orphaned" or call.kind == "unknown_outcome":
        failure = Failure(OUTCOME_UNKNOWN, "The run ended while this call ran: whether it happened is unknown.")
    else:
        failure = unrun or Failure("cancelled", "The run ended before this call ran.")
    return ToolCallFinished(
        call=call.call,
        call_id=call.call_id,
        tool=call.tool,
        error=failure,
        attempts=call.attempt,
        human=call.edit,
        path=call.path,
    )
