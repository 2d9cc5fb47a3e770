"""All paths that a graph allows, and all tokens that a run may have. For checks at load time. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from journeyman.agents.spec import EdgeSpec, GraphSpec

END = "end"
MAX_TOKENS = 5000  # kinds of tokens that are followed; nested branches multiply them
_ROUNDS = 8  # of following all tokens, until no further join is found at which some branches stop

Stack = tuple[tuple[int, int], ...]  # the branches that a token is in, the outermost first: (fan-out edge, branch)


class Arrival(NamedTuple):
    """A token at a join: the node that it comes from, and its branch of the fan-out."""

    origin: str
    branch: int


class PossiblePaths:
    """The nodes of a graph, the edges that leave each, and the nodes that can be reached."""

    def __init__(self, graph: GraphSpec) -> None:
        self.graph = graph
        self.nodes = {node.name: node for node in graph.nodes}
        self._edges: dict[str, list[tuple[int, EdgeSpec]]] = {name: [] for name in self.nodes}
        for index, edge in enumerate(graph.edges):
            for origin in edge.origins:
                self._edges[origin].append((index, edge))
        self.reached = self.reachable_from([graph.start])

    def edges_from(self, node: str) -> list[tuple[int, EdgeSpec]]:
        """Return the edges that leave `node`, with their numbers, in the order of the file."""
        return self._edges[node]

    def on_failure(self, name: str) -> list[str]:
        """Return the nodes at which a run goes on if the node fails."""
        node = self.nodes[name]
        return [target for target in (node.on_error, node.on_unavailable) if target is not None]

    def successors(self, name: str, without: Collection[int] = ()) -> list[str]:
        """Return the nodes that may follow `name`, without the edges of these numbers."""
        found = self.on_failure(name)
        for index, edge in self._edges[name]:
            found += edge.targets if index not in without else ()
        return found

    def reachable_from(self, starts: Collection[str], without: Collection[int] = ()) -> set[str]:
        """Return `starts` and all nodes reachable from them, `end` included, without the edges of these numbers."""
        found: set[str] = set()
        waiting = list(starts)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.successors(name, without) if name != END else ()
        return found


Group = tuple[Stack, int]  # a fan-out edge within these outer branches: its branches can meet at a join


class PossibleTokens:
    """Every kind of token that a run may have, by its node and the branches that it is in.

    `groups` holds the tokens that arrive at each join, in groups that can meet there. `multiplying` holds each fan-out
    that one of its branches leads back to, with that branch. `complete` is False if there were too many kinds.
    """

    def __init__(self, paths: PossiblePaths) -> None:
        self.groups: dict[int, dict[Group, set[Arrival]]] = {}
        self._paths = paths
        partial: set[int] = set()
        for _ in range(_ROUNDS):
            self._follow(partial)
            known, partial = partial, {join for join in self.groups if self._is_partial(join)}
            if partial == known:
                break

    def _follow(self, partial: Collection[int]) -> None:
        self.multiplying: set[tuple[int, int]] = set()
        self.groups = {index: {} for index, edge in enumerate(self._paths.graph.edges) if len(edge.origins) > 1}
        seen: set[tuple[str, Stack]] = set()
        waiting: list[tuple[str, Stack]] = [(self._paths.graph.start, ())]
        while waiting and len(seen) < MAX_TOKENS:
            token = waiting.pop()
            if token not in seen:
                seen.add(token)
                waiting += self._moves(*token, partial) if token[0] != END else ()
        self.complete = not waiting

    def _is_partial(self, join: int) -> bool:
        """Return whether branches of a fan-out arrive at another join, so that this one goes on without them."""
        return any(
            not _branches(arrived) <= _branches(self.groups[join][group])
            for group in self.groups[join]
            for other, groups in self.groups.items()
            if other != join and (arrived := groups.get(group))
        )

    def _moves(self, name: str, stack: Stack, partial: Collection[int]) -> Iterator[tuple[str, Stack]]:
        yield from ((target, stack) for target in self._paths.on_failure(name))
        for index, edge in self._paths.edges_from(name):
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
        if outer := next((branch for branch in stack if branch[0] == index), None):
            self.multiplying.add(outer)
            return
        yield from ((target, (*stack, (index, branch))) for branch, target in enumerate(edge.targets))


def _branches(arrived: Collection[Arrival]) -> set[int]:
    return {arrival.branch for arrival in arrived}
