"""The agents that are nodes of other agents: each is there, and none comes back to itself. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from journeyman.agent_files.document import Document
from journeyman.agents.spec import AgentSpec, GraphSpec
from journeyman.errors import Problem


class AgentNode(NamedTuple):
    """A node that is an agent, and where the file says so."""

    node: str
    agent: str
    file: str | None
    line: int | None
    column: int | None

    def problem(self, message: str, remedy: str) -> Problem:
        return Problem(message, self.file, self.line, self.column, remedy)


class HasAgentNodes(Protocol):
    """What a loaded agent says about itself."""

    @property
    def spec(self) -> AgentSpec: ...

    @property
    def agent_nodes(self) -> tuple[AgentNode, ...]: ...


def agent_nodes(graph: GraphSpec, document: Document) -> tuple[AgentNode, ...]:
    """The agent nodes of a graph with the places of their names."""
    found = []
    for node in graph.nodes:
        if node.type == "agent":
            line, column = document.location(("graph", "nodes", node.name, "agent")) or (None, None)
            found.append(AgentNode(node.name, node.agent, document.file, line, column))
    return tuple(found)


def reference_problems(agents: Sequence[HasAgentNodes], *, complete: bool = True) -> Iterator[Problem]:
    """What is wrong with who calls whom. Not `complete`: there are more, which have problems of their own."""
    nodes = {agent.spec.name: agent.agent_nodes for agent in agents}
    for name, calls in nodes.items():
        for call in calls:
            if call.agent not in nodes:
                yield from (_unknown(call, nodes),) if complete else ()
            elif cycle := _way(call.agent, name, nodes):
                message = f"the agent {name} comes back to itself: {' -> '.join([name, *cycle])}"
                yield call.problem(message, "an agent may not be part of itself: break the circle")


def _unknown(call: AgentNode, nodes: Mapping[str, object]) -> Problem:
    close = difflib.get_close_matches(call.agent, nodes, n=1)
    known = f"agents here: {', '.join(sorted(nodes)[:20])}"
    remedy = f"did you mean {close[0]}?" if close else f"put its file beside this one and serve the folder; {known}"
    return call.problem(f"the node {call.node} names the agent {call.agent}, which is not here", remedy)


def _way(start: str, goal: str, nodes: Mapping[str, tuple[AgentNode, ...]]) -> list[str]:
    """The agents from `start` to `goal`, by their nodes; empty if there is no way."""
    before: dict[str, str] = {start: ""}
    waiting = [start]
    while waiting:
        name = waiting.pop(0)
        if name == goal:
            return _backwards(name, before)
        for call in nodes.get(name, ()):
            if call.agent not in before:
                before[call.agent] = name
                waiting.append(call.agent)
    return []


def _backwards(name: str, before: Mapping[str, str]) -> list[str]:
    way = [name]
    while before[way[0]]:
        way.insert(0, before[way[0]])
    return way
