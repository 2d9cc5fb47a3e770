from __future__ import annotations

import pytest

from journeyman.agents.graph.flow_checks import flow_problems
from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec


def edge(text: str) -> EdgeSpec:
    """`a b -> c d` leads from a and b to c and d; a `?` behind it makes it conditional."""
    origins, _, targets = text.removesuffix("?").partition(" -> ")
    when = "state.steps > 1" if text.endswith("?") else None
    return EdgeSpec(origins=tuple(origins.split()), targets=tuple(targets.split()), when=when)


def graph(edges: str, **nodes: str) -> GraphSpec:
    """The graph of `edges`, one a semicolon, starting at the first origin; nodes are functions unless `nodes` says."""
    found = tuple(edge(text.strip()) for text in edges.split(";"))
    names = dict.fromkeys(name for each in found for name in (*each.origins, *each.targets) if name != "end")
    specs = tuple(NodeSpec(name=name, type=nodes.get(name, "function")) for name in names)
    return GraphSpec(start=found[0].origins[0], nodes=specs, edges=found)


def told(spec: GraphSpec, *, agent_has_tools: bool = True) -> list[tuple[tuple[str | int, ...], str]]:
    return [(found.path, found.message) for found in flow_problems(spec, agent_has_tools=agent_has_tools)]


@pytest.mark.parametrize(
    "edges",
    [
        "a -> end",
        "a -> b?; a -> end; b -> a",
        "a -> b c; b c -> d; d -> end",
        "a -> b c; b -> end; c -> end",
        "a -> b c; b -> d; c -> d; d -> end",
        "a -> b c; b c -> d; d -> a?; d -> end",
        "a -> b c; b -> d?; b -> e; d -> f; e -> f; f c -> end",
        "a -> b c; b -> d?; b -> e; c d e -> end",
        "a -> b c; b -> d e; d e -> f; c f -> end",
        "a -> b c; b -> end?; b c -> end",
        "a -> b c; b -> b2?; b2 -> b; b c -> d; d -> end",
        "a -> b c d e; b c -> f; d e -> g; f g -> h; h -> a?; h -> end",
        "a -> b c d; b c -> e; e d -> end",
        "a -> b c; b -> end?; b c -> d e; d e -> end",
        "a -> b c; b c -> d; d -> b2 c2; b2 c2 -> e; e -> a?; e -> end",
    ],
)
def test_graphs_without_flow_problems(edges: str) -> None:
    assert not told(graph(edges))


@pytest.mark.parametrize(
    ("edges", "path", "message"),
    [
        ("a -> end; b -> end", ("nodes", "b"), "no way leads from a to the node b"),
        ("a -> b", ("nodes", "b"), "the node b is a dead end: no edge leaves it"),
        ("a -> end?", ("edges", 0), "no edge leaves the node a when none of its conditions holds"),
        ("a -> b; a -> end?; b -> end", ("edges", 1), "this edge is never taken from a"),
        ("a -> b; a -> end; b -> end", ("edges", 1), "this edge is never taken from a"),
        ("a -> b?; a -> end; b a -> end", ("edges", 2), "this edge is never taken from a"),
        ("a -> b; b -> a", ("nodes", "a"), "no way leads from a, b to end"),
        ("a -> b; a b -> end", ("edges", 1), "this edge is never taken from a"),
        ("a -> c?; a b -> end; c -> b", ("edges", 1, "from"), "the join never completes: no fan-out leads to a, b by"),
        ("a -> b?; a -> c; b c -> end", ("edges", 2, "from"), "the join never completes: no fan-out leads to b, c by"),
        ("a -> b c; b -> d; c -> end; b d -> end", ("edges", 3), "this edge is never taken from b"),
        (
            "a -> b c d; b c -> end; d -> e; e -> d",
            ("edges", 1, "from"),
            "the join never completes: the branch d neither comes to a join nor ends",
        ),
        (
            "a -> x y; x -> x1 x2; x1 x2 y -> end",
            ("edges", 2, "from"),
            "the join never completes: no fan-out leads to x1, x2, y by different branches",
        ),
        (
            "a -> b c d; e d -> f; b c -> e; f -> end",
            ("edges", 1, "from"),
            "the join of e, d goes on before a later one that leads to it",
        ),
        ("a -> b c; b -> a?; b c -> end", ("edges", 0, "to"), "the branch b leads back to its own fan-out"),
        ("a -> b a2; b -> end; a2 -> a", ("edges", 0, "to"), "the branch a2 leads back to its own fan-out"),
    ],
)
def test_each_flow_problem(edges: str, path: tuple[str | int, ...], message: str) -> None:
    found = told(graph(edges))
    assert [each for each in found if each[0] == path and each[1].startswith(message)], found


def test_the_edge_of_a_failure_counts() -> None:
    nodes = (
        NodeSpec(name="a", type="function", on_error="b", on_unavailable="c"),
        NodeSpec(name="b", type="function"),
        NodeSpec(name="c", type="function"),
    )
    assert not told(GraphSpec(start="a", nodes=nodes, edges=(edge("a -> end"), edge("b -> end"), edge("c -> end"))))


def test_a_loop_without_a_way_out_is_a_warning() -> None:
    (found,) = flow_problems(graph("a -> b; b -> a"), agent_has_tools=True)
    assert found.severity == "warning"


@pytest.mark.parametrize(
    ("edges", "nodes", "agent_has_tools", "fine"),
    [
        ("a -> t?; a -> end; t -> a", {"a": "llm", "t": "tools"}, True, True),
        ("a -> t?; a -> end; t -> a", {"a": "llm", "t": "tools"}, False, False),
        ("a -> f; f -> g; g -> t; t -> end", {"a": "llm", "g": "approval", "t": "tools"}, True, True),
        ("t -> end", {"t": "tools"}, True, False),
        ("a -> b; b -> t; t -> end", {"a": "llm", "b": "agent", "t": "tools"}, True, False),
        ("a -> t; t -> u; u -> end", {"a": "llm", "t": "tools", "u": "tools"}, True, False),
        ("a -> t; t -> end", {"a": "vote", "t": "tools"}, False, True),
    ],
)
def test_a_tools_node_has_calls_to_run(edges: str, nodes: dict[str, str], agent_has_tools: bool, fine: bool) -> None:
    found = told(graph(edges, **nodes), agent_has_tools=agent_has_tools)
    assert bool(found) is not fine
    assert all("never has calls to run" in message for _, message in found)


def test_tools_that_an_llm_node_is_not_offered() -> None:
    nodes = (NodeSpec(name="a", type="llm", tools=()), NodeSpec(name="t", type="tools"))
    spec = GraphSpec(start="a", nodes=nodes, edges=(edge("a -> t"), edge("t -> end")))
    assert told(spec)[0][0] == ("nodes", "t")
