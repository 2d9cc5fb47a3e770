"""Checks the agents that are nodes of other agents: each exists, and none contains itself. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from journeyman.agent_files.document import Document
from journeyman.agents.spec import AgentSpec, GraphSpec
from journeyman.errors import Problem


class AgentNode(NamedTuple):
    """A node of the type `agent`, with the position of its `agent` key in the file."""

    node: str
    agent: str
    file: str | None
    line: int | None
    column: int | None

    def problem(self, message: str, remedy: str) -> Problem:
        """Return a problem at the position of the node."""
        return Problem(message, self.file, self.line, self.column, remedy)


class HasAgentNodes(Protocol):
    """A loaded agent, as these checks need it."""

    @property
    def spec(self) -> AgentSpec: ...

    @property
    def agent_nodes(self) -> tuple[AgentNode, ...]: ...


def agent_nodes(graph: GraphSpec, document: Document) -> tuple[AgentNode, ...]:
    """Return the agent nodes of a graph, with their positions in the document."""
    found = []
    for node in graph.nodes:
        if node.type == "agent":
            line, column = document.location(("graph", "nodes", node.name, "agent")) or (None, None)
            found.append(AgentNode(node.name, node.agent, document.file, line, column))
    return tuple(found)


def reference_problems(agents: Sequence[HasAgentNodes], *, complete: bool = True) -> Iterator[Problem]:
    """Yield a problem for each unknown agent and each cycle.

    With `complete=False`, other agents could not be loaded, so unknown names are not reported.
    """
    nodes = {agent.spec.name: agent.agent_nodes for agent in agents}
    for name, calls in nodes.items():
        for call in calls:
            if call.agent not in nodes:
                yield from (_unknown(call, nodes),) if complete else ()
            elif cycle := _path(call.agent, name, nodes):
                message = f"the agent {name} contains itself: {' -> '.join([name, *cycle])}"
                yield call.problem(message, "remove one of these nodes")


def _unknown(call: AgentNode, nodes: Mapping[str, object]) -> Problem:
    close = difflib.get_close_matches(call.agent, nodes, n=1)
    known = f"known agents: {', '.join(sorted(nodes)[:20])}"
    remedy = f"did you mean {close[0]}?" if close else f"put its file beside this one and serve the folder; {known}"
    return call.problem(f"the node {call.node} names the agent {call.agent}, which is unknown", remedy)


def _path(start: str, goal: str, nodes: Mapping[str, tuple[AgentNode, ...]]) -> list[str]:
    """Return the agents on a path from `start` to `goal`. Empty: there is none."""
    previous: dict[str, str] = {start: ""}
    waiting = [start]
    while waiting:
        name = waiting.pop(0)
        if name == goal:
            return _backwards(name, previous)
        for call in nodes.get(name, ()):
            if call.agent not in previous:
                previous[call.agent] = name
                waiting.append(call.agent)
    return []


def _backwards(name: str, previous: Mapping[str, str]) -> list[str]:
    path = [name]
    while previous[path[0]]:
        path.insert(0, previous[path[0]])
    return path
