"""Diagrams of an agent's graph: nodes and edges as data, and a Mermaid flowchart. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from journeyman.agents.spec import AgentSpec, EdgeSpec, GraphSpec, NodeSpec

REACT = GraphSpec(
    start="llm",
    nodes=(NodeSpec(name="llm", type="llm"), NodeSpec(name="tools", type="tools")),
    edges=(
        EdgeSpec(origins=("llm",), targets=("tools",), when="state.tool_calls.size() > 0"),
        EdgeSpec(origins=("llm",), targets=("end",)),
        EdgeSpec(origins=("tools",), targets=("llm",)),
    ),
)
"""The graph of every `react_agent`."""

_SHAPES = {
    "llm": "({})",
    "tools": "[[{}]]",
    "function": "[{}]",
    "agent": "{{{{{}}}}}",
    "approval": "{{{}}}",
}
_REGISTERED = "[/{}/]"
# Words of Mermaid that cannot be the id of a node; every word of its grammar was tried.
_RESERVED = re.compile("call|class|click|default|direction|end|flowchart|graph|href|interpolate|style|subgraph")
_ESCAPES = str.maketrans({"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "\n": " "})


class GraphNode(msgspec.Struct, frozen=True):
    """A node of a diagram. `id` is its name, `type` llm, tools, function, agent, approval, or a registered type."""

    id: str
    type: str


class GraphEdge(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}, omit_defaults=True):
    """An arrow from one node to another, or to `end`. Arrows with one `group` are one edge of the file."""

    from_: str
    to: str
    when: str | None = None  # the condition; None: taken if no edge before it is
    kind: Literal["", "fan_out", "join", "on_error", "on_unavailable"] = ""
    group: int | None = None  # of fan_out and join: the edge's number in the file, from 0


class GraphPicture(msgspec.Struct, frozen=True):
    """A diagram of a graph. `start` is the first node. `end` is not a node: it ends a branch."""

    start: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


def graph_of(spec: AgentSpec) -> GraphSpec | None:
    """Return the graph of an agent. None: its type decides without a graph."""
    return REACT if spec.type == "react_agent" else spec.graph


def graph_picture(graph: GraphSpec) -> GraphPicture:
    """Return the diagram of a graph: nodes and edges in the order of the file, then the arrows of failures."""
    arrows = [arrow for index, edge in enumerate(graph.edges) for arrow in _arrows(index, edge)]
    failures = [arrow for node in graph.nodes for arrow in _failure_arrows(node)]
    nodes = tuple(GraphNode(node.name, node.type) for node in graph.nodes)
    return GraphPicture(graph.start, nodes, (*arrows, *failures))


def _arrows(index: int, edge: EdgeSpec) -> Iterator[GraphEdge]:
    kind: Literal["", "fan_out", "join"] = ""
    if len(edge.origins) > 1:
        kind = "join"
    elif len(edge.targets) > 1:
        kind = "fan_out"
    for origin in edge.origins:
        for target in edge.targets:
            yield GraphEdge(from_=origin, to=target, when=edge.when, kind=kind, group=index if kind else None)


def _failure_arrows(node: NodeSpec) -> Iterator[GraphEdge]:
    if node.on_error is not None:
        yield GraphEdge(from_=node.name, to=node.on_error, kind="on_error")
    if node.on_unavailable is not None:
        yield GraphEdge(from_=node.name, to=node.on_unavailable, kind="on_unavailable")


def mermaid(graph: GraphSpec) -> str:
    """Return a Mermaid flowchart: thick arrows are parallel branches, circles joins, dotted arrows failures."""
    lines = ["flowchart TD", f"    Start([start]) --> {_id(graph.start)}"]
    lines += [f"    {_id(node.name)}{_SHAPES.get(node.type, _REGISTERED).format(node.name)}" for node in graph.nodes]
    for index, edge in enumerate(graph.edges):
        lines += [f"    {line}" for line in _edge_lines(index, edge)]
    for node in graph.nodes:
        lines += [f"    {_id(each.from_)} -.->|{each.kind[3:]}| {_id(each.to)}" for each in _failure_arrows(node)]
    return "\n".join(lines) + "\n"


def _edge_lines(index: int, edge: EdgeSpec) -> Iterator[str]:
    origin = _id(edge.origins[0])
    if len(edge.origins) > 1:
        origin = f"Join{index}"
        yield f"{origin}((join))"
        yield from (f"{_id(name)} --> {origin}" for name in edge.origins)
    arrow = "==>" if len(edge.targets) > 1 else "-->"
    label = f'|"{edge.when.translate(_ESCAPES)}"|' if edge.when else ""
    yield from (f"{origin} {arrow}{label} {_id(name)}" for name in edge.targets)


def _id(name: str) -> str:
    """Return the id of a node in the flowchart. Other ids begin with a capital, which no node's name does."""
    if name == "end":
        return "End([end])"
    return f"N_{name}" if _RESERVED.fullmatch(name) else name
