"""The picture of an agent: nodes and edges, as JSON and as Mermaid text."""

from __future__ import annotations

from journeyman.agents.agent import BaseAgent
from journeyman.api.schemas import GraphAnswer, GraphEdge, GraphNode

_REACT = GraphAnswer(
    start="llm",
    nodes=(GraphNode("llm", "llm"), GraphNode("tools", "tools")),
    edges=(
        GraphEdge("llm", "tools", "state.tool_calls.size() > 0"),
        GraphEdge("llm", "end"),
        GraphEdge("tools", "llm"),
    ),
)
_SHAPES = {"llm": "{name}({name})", "tools": "{name}[[{name}]]"}


def graph_of(agent: BaseAgent) -> GraphAnswer | None:
    """The agent's graph; None for a type that decides by code alone."""
    return _REACT if agent.spec.type == "react_agent" else None


def mermaid(graph: GraphAnswer) -> str:
    """A Mermaid flowchart."""
    lines = ["flowchart TD", f"    start([start]) --> {graph.start}"]
    lines += [f"    {_SHAPES.get(node.type, '{name}[{name}]').format(name=node.id)}" for node in graph.nodes]
    for edge in graph.edges:
        label = f'|"{edge.when}"|' if edge.when else ""
        lines.append(f"    {edge.from_} -->{label} {'finish([end])' if edge.to == 'end' else edge.to}")
    return "\n".join(lines) + "\n"
