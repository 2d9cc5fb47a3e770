"""Whether a run can find its way through a graph: nodes that nobody reaches, ways that are missing, joins that wait.

Pure functions over a graph whose names all exist. What each check means is told in docs/reference/graphs.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec

END = "end"
SILENT_TYPES = ("function", "approval")  # nodes that add no message: the last one stays the last


class Finding(NamedTuple):
    """Something wrong with a graph; `path` is within `graph:`."""

    path: tuple[str | int, ...]
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"


def flow_findings(graph: GraphSpec, *, agent_has_tools: bool) -> list[Finding]:
    """Everything that keeps runs from finding their way. `agent_has_tools`: an llm node without `tools` offers some."""
    ways = Ways(graph)
    return [
        *_unreachable(ways),
        *_without_way_out(ways),
        *_never_taken(ways),
        *_joins(ways),
        *_multiplying(ways),
        *_endless(ways),
        *_tools_without_calls(ways, agent_has_tools),
    ]


class Ways:
    """The moves that a graph allows."""

    def __init__(self, graph: GraphSpec) -> None:
        self.graph = graph
        self.nodes = {node.name: node for node in graph.nodes}
        self._out: dict[str, list[tuple[int, EdgeSpec]]] = {name: [] for name in self.nodes}
        for index, edge in enumerate(graph.edges):
            for origin in edge.origins:
                self._out[origin].append((index, edge))
        self.reached = self.from_([graph.start])
        self.fan_outs = [(index, edge) for index, edge in enumerate(graph.edges) if len(edge.targets) > 1]
        self.joins = [(index, edge) for index, edge in enumerate(graph.edges) if len(edge.origins) > 1]
        self._owners = {index: self._owner(index, join) for index, join in self.joins}

    def out_of(self, node: str) -> list[tuple[int, EdgeSpec]]:
        """The edges that leave `node`, in order."""
        return self._out[node]

    def next_of(self, name: str, without: Collection[int] = ()) -> list[str]:
        """Where a run may be after `name`."""
        node = self.nodes[name]
        found = [target for target in (node.on_error, node.on_unavailable) if target is not None]
        for index, edge in self._out[name]:
            found += edge.targets if index not in without else ()
        return found

    def from_(self, starts: Collection[str], without: Collection[int] = ()) -> set[str]:
        """`starts` and all that can be reached from them, `end` included, without the edges of these numbers."""
        found: set[str] = set()
        waiting = list(starts)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.next_of(name, without) if name != END else ()
        return found

    def fan_out_of(self, join: int) -> int | None:
        """The innermost fan-out whose branches come together at this join: two or more of them, at all its origins."""
        return self._owners[join]

    def joins_of(self, fan_out: int) -> set[int]:
        return {join for join, owner in self._owners.items() if owner == fan_out}

    def _owner(self, number: int, join: EdgeSpec) -> int | None:
        origins = set(join.origins)
        found = []
        for index, edge in self.fan_outs:
            reach = [self.from_([target], {number}) & origins for target in edge.targets]
            if set().union(*reach) == origins and _from_two(reach):
                found.append((index, edge))
        return next((index for index, edge in found if not any(self._holds(edge, other) for _, other in found)), None)

    def _holds(self, outer: EdgeSpec, inner: EdgeSpec) -> bool:
        """Whether a branch of `outer` comes to `inner` before any join."""
        joins = {index for index, _ in self.joins}
        return inner is not outer and bool(self.from_(outer.targets, joins) & set(inner.origins))


def _from_two(reach: Sequence[set[str]]) -> bool:
    """Whether two branches come to different origins."""
    arriving = [origins for origins in reach if origins]
    return len(arriving) > 1 and len(set().union(*arriving)) > 1


def _unreachable(ways: Ways) -> Iterator[Finding]:
    for name in ways.nodes:
        if name not in ways.reached:
            remedy = "add an edge to it, or remove it"
            yield Finding(("nodes", name), f"no way leads from {ways.graph.start} to the node {name}", remedy)


def _without_way_out(ways: Ways) -> Iterator[Finding]:
    for name in ways.nodes:
        edges = ways.out_of(name)
        if not edges:
            message = f"the node {name} is a dead end: no edge leaves it"
            yield Finding(("nodes", name), message, f"add {{from: {name}, to: end}}, or where it goes on")
        elif all(edge.when is not None for _, edge in edges):
            message = f"no edge leaves the node {name} when none of its conditions holds"
            remedy = f"add {{from: {name}, to: …}} without `when`, as the last"
            yield Finding(("edges", edges[-1][0]), message, remedy)


def _never_taken(ways: Ways) -> Iterator[Finding]:
    """An edge without `when` is the last that counts of those that leave a node."""
    for name in ways.nodes:
        edges = ways.out_of(name)
        last = next((index for index, edge in edges if edge.when is None), None)
        for index, _ in edges:
            if last is not None and index > last:
                message = f"this edge is never taken from {name}: an edge before it has no `when`"
                yield Finding(("edges", index), message, "put the edge without `when` last, or remove one of the two")


def _joins(ways: Ways) -> Iterator[Finding]:
    for index, join in ways.joins:
        if not set(join.origins) <= ways.reached:
            continue
        fan_out = ways.fan_out_of(index)
        listed = ", ".join(join.origins)
        if fan_out is None:
            message = f"the join of {listed} never completes: no fan-out leads to all of them by different branches"
            yield Finding(("edges", index, "from"), message, "write an edge for each, or `to: […]` before them")
            continue
        owned = ways.joins_of(fan_out)
        for target in ways.graph.edges[fan_out].targets:
            if not ways.from_([target], owned) & {*join.origins, END}:
                message = f"the join of {listed} never completes: the branch {target} neither comes to it nor ends"
                yield Finding(("edges", index, "from"), message, "name its last node in `from` too, or lead it to end")


def _multiplying(ways: Ways) -> Iterator[Finding]:
    """A branch that comes to its own fan-out again, without a join between, makes more branches at each pass."""
    for index, fan_out in ways.fan_outs:
        owned = ways.joins_of(index)
        for target in fan_out.targets:
            if ways.from_([target], owned) & set(fan_out.origins):
                message = f"the branch {target} leads back to its own fan-out: branches multiply at each pass"
                yield Finding(("edges", index, "to"), message, "join the branches before the way back")


def _endless(ways: Ways) -> Iterator[Finding]:
    endless = [name for name in ways.nodes if name in ways.reached and END not in ways.from_([name])]
    dead = any(not ways.out_of(name) for name in endless)
    if endless and not dead:  # a dead end is told where it is
        message = f"no way leads from {', '.join(endless)} to end: only the limits end such a run"
        yield Finding(("nodes", endless[0]), message, "add an edge with `to: end`", "warning")


def _tools_without_calls(ways: Ways, agent_has_tools: bool) -> Iterator[Finding]:
    for node in ways.graph.nodes:
        if node.type != "tools" or node.name not in ways.reached:
            continue
        before = _speakers_before(ways, node.name)
        if not any(_offers_tools(speaker, agent_has_tools) for speaker in before):
            message = f"the tools node {node.name} never has calls to run: no llm node with tools comes before it"
            yield Finding(("nodes", node.name), message, "lead to it from an llm node that is offered tools")


def _offers_tools(node: NodeSpec, agent_has_tools: bool) -> bool:
    """Whether its message may hold tool calls. What a registered type says is not known."""
    if node.type == "llm":
        return bool(node.tools) if node.tools is not None else agent_has_tools
    return node.type not in ("tools", "agent", *SILENT_TYPES)


def _speakers_before(ways: Ways, name: str) -> list[NodeSpec]:
    """The nodes whose message may be the last one when `name` is entered."""
    found: dict[str, NodeSpec] = {}
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        target = waiting.pop()
        for other, node in ways.nodes.items():
            if other in seen or target not in ways.next_of(other):
                continue
            seen.add(other)
            if node.type in SILENT_TYPES:
                waiting.append(other)
            else:
                found[other] = node
    return list(found.values())
