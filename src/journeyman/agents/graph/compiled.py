"""A graph ready to be walked: its nodes with what was compiled of them, and the edges that leave each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from journeyman.agents.decision import NodeWork
from journeyman.agents.graph.edge_conditions import EdgeCondition, edge_conditions
from journeyman.agents.graph.flow_checks import END
from journeyman.agents.spec import EdgeSpec, GraphSpec, ModelSettings, NodeSpec
from journeyman.events.fold import AgentState
from journeyman.events.model_request import ToolDefinition

Render = Callable[[AgentState], str]


class CompiledNode(NamedTuple):
    """A node and what it needs to work. `model` is the name that the model client knows."""

    spec: NodeSpec
    settings: ModelSettings
    model: str
    tools: tuple[ToolDefinition, ...]  # that its model is offered
    render: Render  # the prompt of an llm node, the question of an approval
    work: NodeWork | None = None

    def offers(self, tool: str) -> bool:
        return self.spec.tools is None or tool in self.spec.tools


class CompiledEdge(NamedTuple):
    """An edge that leaves a node: its number in the file, from 0, and its condition."""

    number: int
    edge: EdgeSpec
    when: EdgeCondition | None


class Graph:
    """Nodes by name, and the ways out of each in the order of the file."""

    def __init__(self, spec: GraphSpec, nodes: Mapping[str, CompiledNode]) -> None:
        """Raises ValidationError when a condition does not compile."""
        self.start = spec.start
        self.edges = spec.edges
        self.nodes = nodes
        self._ways = _ways(spec, edge_conditions(spec))
        self._last = {name for name, ways in self._ways.items() if any(END in way.edge.targets for way in ways)}

    def ways(self, node: str) -> Sequence[CompiledEdge]:
        return self._ways.get(node, ())

    def is_last(self, node: str) -> bool:
        """May what this node says be the answer? An edge leads from it to the end."""
        return node in self._last


def _ways(spec: GraphSpec, conditions: Sequence[EdgeCondition | None]) -> dict[str, list[CompiledEdge]]:
    found: dict[str, list[CompiledEdge]] = {}
    for index, (edge, when) in enumerate(zip(spec.edges, conditions, strict=True)):
        for origin in edge.origins:
            found.setdefault(origin, []).append(CompiledEdge(index, edge, when))
    return found
