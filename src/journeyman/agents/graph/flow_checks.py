"""Whether a run can find its way through a graph: nodes that nobody reaches, ways that are missing, joins that wait.

Pure functions over a graph whose names all exist. What each check means is told in docs/reference/graphs.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

from journeyman.agents.graph.paths import END, Arrival, PossiblePaths, PossibleTokens
from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec

__all__ = ["END", "FlowProblem", "flow_problems"]

SILENT_TYPES = ("function", "approval")  # nodes that add no message: the last one stays the last


class FlowProblem(NamedTuple):
    """Something wrong with a graph; `path` is within `graph:`."""

    path: tuple[str | int, ...]
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"


def flow_problems(graph: GraphSpec, *, agent_has_tools: bool) -> list[FlowProblem]:
    """Everything that keeps runs from finding their way. `agent_has_tools`: an llm node without `tools` offers some."""
    ways = PossiblePaths(graph)
    tokens = PossibleTokens(ways)
    return [
        *_unreachable(ways),
        *_without_way_out(ways),
        *_never_taken(ways),
        *_joins(ways, tokens),
        *_multiplying(ways, tokens),
        *_endless(ways),
        *_tools_without_calls(ways, agent_has_tools),
    ]


def _unreachable(ways: PossiblePaths) -> Iterator[FlowProblem]:
    for name in ways.nodes:
        if name not in ways.reached:
            remedy = "add an edge to it, or remove it"
            yield FlowProblem(("nodes", name), f"no way leads from {ways.graph.start} to the node {name}", remedy)


def _without_way_out(ways: PossiblePaths) -> Iterator[FlowProblem]:
    for name in ways.nodes:
        edges = ways.out_of(name)
        if not edges:
            message = f"the node {name} is a dead end: no edge leaves it"
            yield FlowProblem(("nodes", name), message, f"add {{from: {name}, to: end}}, or where it goes on")
        elif all(edge.when is not None for _, edge in edges):
            message = f"no edge leaves the node {name} when none of its conditions holds"
            remedy = f"add {{from: {name}, to: …}} without `when`, as the last"
            yield FlowProblem(("edges", edges[-1][0]), message, remedy)


def _never_taken(ways: PossiblePaths) -> Iterator[FlowProblem]:
    """An edge without `when` is the last that counts of those that leave a node."""
    for name in ways.nodes:
        edges = ways.out_of(name)
        last = next((index for index, edge in edges if edge.when is None), None)
        for index, _ in edges:
            if last is not None and index > last:
                message = f"this edge is never taken from {name}: an edge before it has no `when`"
                yield FlowProblem(
                    ("edges", index), message, "put the edge without `when` last, or remove one of the two"
                )


def _joins(ways: PossiblePaths, tokens: PossibleTokens) -> Iterator[FlowProblem]:
    for index, groups in tokens.groups.items():
        join = ways.graph.edges[index]
        if not set(join.origins) <= ways.reached or not tokens.complete:
            continue
        listed = ", ".join(join.origins)
        meeting = [group for group, arrived in groups.items() if _meet(arrived, join)]
        if not meeting:
            message = f"the join never completes: no fan-out leads to {listed} by different branches"
            yield FlowProblem(("edges", index, "from"), message, "write an edge for each, or `to: […]` before them")
        for fan_out in sorted({fan_out for _, fan_out in meeting}):
            yield from _beside(ways, tokens, index, fan_out)


def _meet(arrived: Collection[Arrival], join: EdgeSpec) -> bool:
    """Whether tokens come from each origin, and from more than one branch."""
    return {arrival.origin for arrival in arrived} == set(join.origins) and len(
        {arrival.branch for arrival in arrived}
    ) > 1


def _beside(ways: PossiblePaths, tokens: PossibleTokens, index: int, fan_out: int) -> Iterator[FlowProblem]:
    """What keeps the other branches of the fan-out from letting this join go on, or lets it go on too early."""
    edges, path = ways.graph.edges, ("edges", index, "from")
    owned = {join for join, groups in tokens.groups.items() if any(owner == fan_out for _, owner in groups)}
    waiting = {END, *(origin for join in owned for origin in edges[join].origins)}
    for target in edges[fan_out].targets:
        if not ways.from_([target], owned) & waiting:
            message = f"the join never completes: the branch {target} neither comes to a join nor ends"
            yield FlowProblem(path, message, "lead it to a join, or to end")
    for later in (join for join in owned if join > index):
        if _leads(ways, later, index) and not _leads(ways, index, later):
            message = f"the join of {', '.join(edges[index].origins)} goes on before a later one that leads to it"
            yield FlowProblem(path, message, f"put it after the join of {', '.join(edges[later].origins)}")


def _leads(ways: PossiblePaths, join: int, to: int) -> bool:
    return bool(ways.from_(ways.graph.edges[join].targets, {to}) & set(ways.graph.edges[to].origins))


def _multiplying(ways: PossiblePaths, tokens: PossibleTokens) -> Iterator[FlowProblem]:
    """A branch that comes to its own fan-out again, without a join between, makes more branches at each pass."""
    for index, branch in sorted(tokens.multiplying):
        target = ways.graph.edges[index].targets[branch]
        message = f"the branch {target} leads back to its own fan-out: branches multiply at each pass"
        yield FlowProblem(("edges", index, "to"), message, "join the branches before the way back")


def _endless(ways: PossiblePaths) -> Iterator[FlowProblem]:
    endless = [name for name in ways.nodes if name in ways.reached and END not in ways.from_([name])]
    dead = any(not ways.out_of(name) for name in endless)
    if endless and not dead:  # a dead end is told where it is
        message = f"no way leads from {', '.join(endless)} to end: only the limits end such a run"
        yield FlowProblem(("nodes", endless[0]), message, "add an edge with `to: end`", "warning")


def _tools_without_calls(ways: PossiblePaths, agent_has_tools: bool) -> Iterator[FlowProblem]:
    for node in ways.graph.nodes:
        if node.type != "tools" or node.name not in ways.reached:
            continue
        before = _speakers_before(ways, node.name)
        if not any(_offers_tools(speaker, agent_has_tools) for speaker in before):
            message = f"the tools node {node.name} never has calls to run: no llm node with tools comes before it"
            yield FlowProblem(("nodes", node.name), message, "lead to it from an llm node that is offered tools")


def _offers_tools(node: NodeSpec, agent_has_tools: bool) -> bool:
    """Whether its message may hold tool calls. What a registered type says is not known."""
    if node.type == "llm":
        return bool(node.tools) if node.tools is not None else agent_has_tools
    return node.type not in ("tools", "agent", *SILENT_TYPES)


def _speakers_before(ways: PossiblePaths, name: str) -> list[NodeSpec]:
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
