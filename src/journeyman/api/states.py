"""A run's state as clients read it."""

from __future__ import annotations

from journeyman.api.replies import thread_id_of, usage_answer
from journeyman.api.schemas import CallAnswer, NodeAnswer, StateAnswer
from journeyman.events.calls import CallState
from journeyman.events.codec import rfc3339
from journeyman.events.state import AgentState
from journeyman.events.walk import NodeState


def state_answer(state: AgentState) -> StateAnswer:
    return StateAnswer(
        run_id=state.run_id,
        thread_id=thread_id_of(state.thread),
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
