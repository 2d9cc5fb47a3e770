"""The execution trace of a run through its graph: node by node, with the conditions and their values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from journeyman.agents.conditions import ConditionError
from journeyman.agents.graph.edge_conditions import ConditionView, EdgeCondition, condition_view, edge_conditions
from journeyman.agents.graph.routing import BREAKER_OPEN
from journeyman.agents.spec import GraphSpec, NodeSpec
from journeyman.events.events import Event, NodeLeft
from journeyman.events.fold import AgentState, apply
from journeyman.events.messages import JSON, assistant


class EvaluatedCondition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A condition that was evaluated, and the values it read; missing values are left out.

    `held` is None if it could not be evaluated; `reason` says why.
    """

    when: str
    values: dict[str, JSON]
    held: bool | None
    reason: str = ""


class TraceStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A visit of a node: the conditions evaluated after it, and the next nodes. Empty `to`: the run ended."""

    node: str
    type: str
    branch: str = ""
    visit: int = 1
    attempt: int = 1
    error: str | None = None
    asked: tuple[EvaluatedCondition, ...] = ()
    to: tuple[str, ...] = ()


def execution_trace(graph: GraphSpec, events: Iterable[tuple[int, int, Event]]) -> Iterator[TraceStep]:
    """Yield the steps of a run of this graph, from its events as (seq, at, event)."""
    conditions = edge_conditions(graph)
    state = AgentState()
    for seq, at, event in events:
        state = apply(state, seq, at, event)
        if isinstance(event, NodeLeft):
            yield _step(graph, conditions, state, event)


def _step(
    graph: GraphSpec, conditions: tuple[EdgeCondition | None, ...], state: AgentState, event: NodeLeft
) -> TraceStep:
    path = event.path
    node = graph.node(path.node)
    if event.error is None:
        asked, to = _chosen(graph, conditions, path.node, _view(state, event))
    else:
        asked, to = (), _after_failure(node, state, event.error.code, path.branch)
    return TraceStep(
        node=path.node,
        type=node.type if node else "",
        branch=path.branch,
        visit=path.visit,
        attempt=event.attempt,
        error=f"{event.error.code}: {event.error.message}" if event.error else None,
        asked=asked,
        to=to,
    )


def _after_failure(node: NodeSpec | None, state: AgentState, code: str, branch: str) -> tuple[str, ...]:
    token = state.walk.at(branch)
    if node is None or token is None:
        return ()
    if node.on_unavailable is not None and code.endswith(BREAKER_OPEN):
        return (node.on_unavailable,)
    if token.failures <= node.retry:
        return (node.name,)
    return (node.on_error,) if node.on_error is not None else ()


def _view(state: AgentState, event: NodeLeft) -> ConditionView:
    messages = state.in_branch(event.path.branch).messages
    last = messages[-1] if messages else None
    node = state.walk.at(event.path.branch)
    if node is not None and node.child is not None and isinstance(event.result, str):
        last = assistant(event.result)  # its message is added when the token moves on
    return condition_view(state, last, event.result, state.walk.visits)


def _chosen(
    graph: GraphSpec, conditions: tuple[EdgeCondition | None, ...], node: str, view: ConditionView
) -> tuple[tuple[EvaluatedCondition, ...], tuple[str, ...]]:
    """Return the conditions that were evaluated until one was true, and the targets of its edge."""
    asked: list[EvaluatedCondition] = []
    for edge, condition in zip(graph.edges, conditions, strict=True):
        if node not in edge.origins:
            continue
        if condition is None:
            return tuple(asked), edge.targets
        asked.append(_evaluated(condition, view))
        if asked[-1].held is not False:
            return tuple(asked), edge.targets if asked[-1].held else ()
    return tuple(asked), ()


def _evaluated(condition: EdgeCondition, view: ConditionView) -> EvaluatedCondition:
    values = condition.values(view)
    read = {path: value for path in condition.reads for value in _at(values, path.split("."))}
    try:
        return EvaluatedCondition(condition.text, read, condition.holds(view))
    except ConditionError as exc:
        return EvaluatedCondition(condition.text, read, None, exc.message)


def _at(values: JSON, keys: list[str]) -> Iterator[JSON]:
    """Yield the value at a path, if there is one."""
    for key in keys:
        if key not in values:
            return
        values = values[key]
    yield values
