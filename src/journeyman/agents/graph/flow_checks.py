"""Static checks of a graph: unreachable nodes, dead ends, missing edges, and joins that never complete.

Pure functions over a graph whose names all exist. docs/reference/graphs.md explains each check.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

from journeyman.agents.graph.paths import END, Arrival, PossiblePaths, PossibleTokens
from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec

__all__ = ["END", "FlowProblem", "flow_problems"]

SILENT_TYPES = ("function", "approval")  # nodes that add no message


class FlowProblem(NamedTuple):
    """A problem of a graph; `path` is relative to `graph:`."""

    path: tuple[str | int, ...]
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"


def flow_problems(graph: GraphSpec, *, agent_has_tools: bool) -> list[FlowProblem]:
    """Return all problems of the flow. `agent_has_tools`: an llm node without `tools` offers the tools of the agent."""
    paths = PossiblePaths(graph)
    tokens = PossibleTokens(paths)
    return [
        *_unreachable(paths),
        *_without_way_out(paths),
        *_never_taken(paths),
        *_joins(paths, tokens),
        *_multiplying(paths, tokens),
        *_endless(paths),
        *_tools_without_calls(paths, agent_has_tools),
    ]


def _unreachable(paths: PossiblePaths) -> Iterator[FlowProblem]:
    for name in paths.nodes:
        if name not in paths.reached:
            remedy = "add an edge to it, or remove it"
            yield FlowProblem(("nodes", name), f"no way leads from {paths.graph.start} to the node {name}", remedy)


def _without_way_out(paths: PossiblePaths) -> Iterator[FlowProblem]:
    for name in paths.nodes:
        edges = paths.edges_from(name)
        if not edges:
            message = f"the node {name} is a dead end: no edge leaves it"
            yield FlowProblem(("nodes", name), message, f"add {{from: {name}, to: end}}, or where it goes on")
        elif all(edge.when is not None for _, edge in edges):
            message = f"no edge leaves the node {name} when none of its conditions holds"
            remedy = f"add {{from: {name}, to: …}} without `when`, as the last"
            yield FlowProblem(("edges", edges[-1][0]), message, remedy)


def _never_taken(paths: PossiblePaths) -> Iterator[FlowProblem]:
    """Find edges behind one without `when`, which is always taken."""
    for name in paths.nodes:
        edges = paths.edges_from(name)
        last = next((index for index, edge in edges if edge.when is None), None)
        for index, _ in edges:
            if last is not None and index > last:
                message = f"this edge is never taken from {name}: an edge before it has no `when`"
                yield FlowProblem(
                    ("edges", index), message, "put the edge without `when` last, or remove one of the two"
                )


def _joins(paths: PossiblePaths, tokens: PossibleTokens) -> Iterator[FlowProblem]:
    for index, groups in tokens.groups.items():
        join = paths.graph.edges[index]
        if not set(join.origins) <= paths.reached or not tokens.complete:
            continue
        listed = ", ".join(join.origins)
        meeting = [group for group, arrived in groups.items() if _meet(arrived, join)]
        if not meeting:
            message = f"the join never completes: no fan-out leads to {listed} by different branches"
            yield FlowProblem(("edges", index, "from"), message, "write an edge for each, or `to: […]` before them")
        for fan_out in sorted({fan_out for _, fan_out in meeting}):
            yield from _other_branches(paths, tokens, index, fan_out)


def _meet(arrived: Collection[Arrival], join: EdgeSpec) -> bool:
    """Return whether tokens arrive from each origin of the join, and from more than one branch."""
    return {arrival.origin for arrival in arrived} == set(join.origins) and len(
        {arrival.branch for arrival in arrived}
    ) > 1


def _other_branches(paths: PossiblePaths, tokens: PossibleTokens, index: int, fan_out: int) -> Iterator[FlowProblem]:
    """Find branches of the fan-out that keep this join waiting for ever, or a later join that it does not wait for."""
    edges, path = paths.graph.edges, ("edges", index, "from")
    joins = {join for join, groups in tokens.groups.items() if any(owner == fan_out for _, owner in groups)}
    ends = {END, *(origin for join in joins for origin in edges[join].origins)}
    for target in edges[fan_out].targets:
        if not paths.reachable_from([target], joins) & ends:
            message = f"the join never completes: the branch {target} neither comes to a join nor ends"
            yield FlowProblem(path, message, "lead it to a join, or to end")
    for later in (join for join in joins if join > index):
        if _leads(paths, later, index) and not _leads(paths, index, later):
            message = f"the join of {', '.join(edges[index].origins)} goes on before a later one that leads to it"
            yield FlowProblem(path, message, f"put it after the join of {', '.join(edges[later].origins)}")


def _leads(paths: PossiblePaths, join: int, to: int) -> bool:
    return bool(paths.reachable_from(paths.graph.edges[join].targets, {to}) & set(paths.graph.edges[to].origins))


def _multiplying(paths: PossiblePaths, tokens: PossibleTokens) -> Iterator[FlowProblem]:
    """Find branches that lead back to their own fan-out without a join: they multiply at each pass."""
    for index, branch in sorted(tokens.multiplying):
        target = paths.graph.edges[index].targets[branch]
        message = f"the branch {target} leads back to its own fan-out: branches multiply at each pass"
        yield FlowProblem(("edges", index, "to"), message, "join the branches before the way back")


def _endless(paths: PossiblePaths) -> Iterator[FlowProblem]:
    endless = [name for name in paths.nodes if name in paths.reached and END not in paths.reachable_from([name])]
    dead = any(not paths.edges_from(name) for name in endless)
    if endless and not dead:  # a dead end has its own problem
        message = f"no way leads from {', '.join(endless)} to end: only the limits end such a run"
        yield FlowProblem(("nodes", endless[0]), message, "add an edge with `to: end`", "warning")


def _tools_without_calls(paths: PossiblePaths, agent_has_tools: bool) -> Iterator[FlowProblem]:
    for node in paths.graph.nodes:
        if node.type != "tools" or node.name not in paths.reached:
            continue
        before = _nodes_before(paths, node.name)
        if not any(_offers_tools(other, agent_has_tools) for other in before):
            message = f"the tools node {node.name} never has calls to run: no llm node with tools comes before it"
            yield FlowProblem(("nodes", node.name), message, "lead to it from an llm node that is offered tools")


def _offers_tools(node: NodeSpec, agent_has_tools: bool) -> bool:
    """Return whether the message of the node may hold tool calls. That of a registered type may."""
    if node.type == "llm":
        return bool(node.tools) if node.tools is not None else agent_has_tools
    return node.type not in ("tools", "agent", *SILENT_TYPES)


def _nodes_before(paths: PossiblePaths, name: str) -> list[NodeSpec]:
    """Return the nodes whose message may be the newest one when `name` is entered."""
    found: dict[str, NodeSpec] = {}
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        target = waiting.pop()
        for other, node in paths.nodes.items():
            if other in seen or target not in paths.successors(other):
                continue
            seen.add(other)
            if node.type in SILENT_TYPES:
                waiting.append(other)
            else:
                found[other] = node
    return list(found.values())
