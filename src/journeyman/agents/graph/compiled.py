"""A compiled graph: nodes with their prompts, models, tools and code, and the edges that leave each."""

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
    """A node with its prompt, model, tools and code resolved. `model` is the name that the model client knows."""

    spec: NodeSpec
    settings: ModelSettings
    model: str
    tools: tuple[ToolDefinition, ...]  # offered to its model
    render: Render  # renders the prompt of an llm node, or the question of an approval
    work: NodeWork | None = None

    def offers(self, tool: str) -> bool:
        """Return whether its model may call the tool."""
        return self.spec.tools is None or tool in self.spec.tools


class CompiledEdge(NamedTuple):
    """An edge that leaves a node, with its number in the file (from 0) and its condition."""

    number: int
    edge: EdgeSpec
    when: EdgeCondition | None


class Graph:
    """The nodes of a graph by name, and the edges that leave each, in the order of the file."""

    def __init__(self, spec: GraphSpec, nodes: Mapping[str, CompiledNode]) -> None:
        """Compile the edges. Raises ValidationError if a condition does not compile."""
        self.start = spec.start
        self.edges = spec.edges
        self.nodes = nodes
        self._edges_from = _edges_from(spec, edge_conditions(spec))
        self._last = {
            name for name, edges in self._edges_from.items() if any(END in each.edge.targets for each in edges)
        }

    def edges_from(self, node: str) -> Sequence[CompiledEdge]:
        """Return the edges that leave `node`."""
        return self._edges_from.get(node, ())

    def is_last(self, node: str) -> bool:
        """Return whether an edge leads from `node` to the end, so that its reply may be the answer."""
        return node in self._last


def _edges_from(spec: GraphSpec, conditions: Sequence[EdgeCondition | None]) -> dict[str, list[CompiledEdge]]:
    found: dict[str, list[CompiledEdge]] = {}
    for index, (edge, when) in enumerate(zip(spec.edges, conditions, strict=True)):
        for origin in edge.origins:
            found.setdefault(origin, []).append(CompiledEdge(index, edge, when))
    return found
