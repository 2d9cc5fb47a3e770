"""The moves that a graph allows: from node to node, into branches, and to joins. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from journeyman.agents.spec import EdgeSpec, GraphSpec

END = "end"
MAX_TOKENS = 5000  # kinds of tokens that are followed: branches within branches multiply
_ROUNDS = 8  # until it is known which joins let others wait

Stack = tuple[tuple[int, int], ...]  # the fan-outs that a token is within, the outermost first: (edge, branch)


class Arrival(NamedTuple):
    """A token that comes to a join: from this node, in this branch of its fan-out."""

    origin: str
    branch: int


class PossiblePaths:
    """Nodes, the edges that leave each, and what can be reached."""

    def __init__(self, graph: GraphSpec) -> None:
        self.graph = graph
        self.nodes = {node.name: node for node in graph.nodes}
        self._out: dict[str, list[tuple[int, EdgeSpec]]] = {name: [] for name in self.nodes}
        for index, edge in enumerate(graph.edges):
            for origin in edge.origins:
                self._out[origin].append((index, edge))
        self.reached = self.from_([graph.start])

    def out_of(self, node: str) -> list[tuple[int, EdgeSpec]]:
        """The edges that leave `node`, in order."""
        return self._out[node]

    def on_failure(self, name: str) -> list[str]:
        node = self.nodes[name]
        return [target for target in (node.on_error, node.on_unavailable) if target is not None]

    def next_of(self, name: str, without: Collection[int] = ()) -> list[str]:
        """Where a run may be after `name`."""
        found = self.on_failure(name)
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


Group = tuple[Stack, int]  # what can meet: the branches of one fan-out, within the same outer branches


class PossibleTokens:
    """Every kind of token that a run may have: at which node, within which fan-outs.

    `groups` are the tokens that come to each join, by what can meet there; `multiplying` the fan-outs to which a branch
    of their own leads back, each with that branch. `complete` is False when there were too many kinds to follow.
    """

    def __init__(self, ways: PossiblePaths) -> None:
        self.groups: dict[int, dict[Group, set[Arrival]]] = {}
        self._ways = ways
        partial: set[int] = set()
        for _ in range(_ROUNDS):
            self._follow(partial)
            known, partial = partial, {join for join in self.groups if self._is_partial(join)}
            if partial == known:
                break

    def _follow(self, partial: Collection[int]) -> None:
        self.multiplying: set[tuple[int, int]] = set()
        self.groups = {index: {} for index, edge in enumerate(self._ways.graph.edges) if len(edge.origins) > 1}
        seen: set[tuple[str, Stack]] = set()
        waiting: list[tuple[str, Stack]] = [(self._ways.graph.start, ())]
        while waiting and len(seen) < MAX_TOKENS:
            token = waiting.pop()
            if token not in seen:
                seen.add(token)
                waiting += self._moves(*token, partial) if token[0] != END else ()
        self.complete = not waiting

    def _is_partial(self, join: int) -> bool:
        """Whether branches may wait at another join of the fan-out while those that came to this one go on."""
        return any(
            not _branches(arrived) <= _branches(self.groups[join][group])
            for group in self.groups[join]
            for other, groups in self.groups.items()
            if other != join and (arrived := groups.get(group))
        )

    def _moves(self, name: str, stack: Stack, partial: Collection[int]) -> Iterator[tuple[str, Stack]]:
        yield from ((target, stack) for target in self._ways.on_failure(name))
        for index, edge in self._ways.out_of(name):
            if len(edge.origins) == 1 or not stack:
                yield from self._into(index, edge, stack)
                continue
            group = (stack[:-1], stack[-1][0])
            self.groups[index].setdefault(group, set()).add(Arrival(name, stack[-1][1]))
            yield from self._into(index, edge, stack[:-1])
            if index in partial:
                yield from self._into(index, edge, stack)

    def _into(self, index: int, edge: EdgeSpec, stack: Stack) -> Iterator[tuple[str, Stack]]:
        if len(edge.targets) == 1:
            yield edge.targets[0], stack
            return
        if outer := next((held for held in stack if held[0] == index), None):
            self.multiplying.add(outer)
            return
        yield from ((target, (*stack, (index, branch))) for branch, target in enumerate(edge.targets))


def _branches(arrived: Collection[Arrival]) -> set[int]:
    return {arrival.branch for arrival in arrived}
