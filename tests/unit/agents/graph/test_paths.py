"""Which tokens a graph allows: what is reached, what meets at joins, and which branches multiply."""

from __future__ import annotations

import pytest

from journeyman.agents.graph.paths import END, Arrival, PossiblePaths, PossibleTokens
from tests.harness.stepped_graph_runtime import edge, graph, node

DIAMOND = graph(
    *(node(name) for name in "abcd"),
    edge("a", "b c"),
    edge("b c", "d"),
    edge("d", "end"),
)


def test_what_is_reached_follows_edges_and_failures() -> None:
    paths = PossiblePaths(graph(node("a", on_error="b"), node("b"), node("c"), edge("a", "end"), edge("b", "end")))
    assert paths.reached == {"a", "b", END}
    assert paths.successors("a") == ["b", END]
    assert paths.successors("a", without=[0]) == ["b"]


def test_what_comes_from_a_node_without_some_edges() -> None:
    paths = PossiblePaths(DIAMOND)
    assert paths.reachable_from(["b"]) == {"b", "d", END}
    assert paths.reachable_from(["b"], without=[1]) == {"b"}


def test_the_branches_of_one_fan_out_meet_at_their_join() -> None:
    tokens = PossibleTokens(PossiblePaths(DIAMOND))
    assert tokens.complete
    assert tokens.groups == {1: {((), 0): {Arrival("b", 0), Arrival("c", 1)}}}
    assert tokens.multiplying == set()


def test_a_branch_that_leads_back_to_its_fan_out_multiplies() -> None:
    shape = graph(node("a"), node("b"), node("c"), edge("a", "b c"), edge("b", "a"), edge("c", "end"))
    assert PossibleTokens(PossiblePaths(shape)).multiplying == {(0, 0)}


@pytest.mark.parametrize("width", [2, 5])
def test_each_branch_of_a_fan_out_is_a_token(width: int) -> None:
    names = [f"n{at}" for at in range(width)]
    shape = graph(node("a"), *map(node, names), edge("a", " ".join(names)), edge(" ".join(names), "end"))
    ((group, arrived),) = PossibleTokens(PossiblePaths(shape)).groups[1].items()
    assert group == ((), 0)
    assert arrived == {Arrival(name, at) for at, name in enumerate(names)}
