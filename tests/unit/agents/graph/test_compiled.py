"""A compiled graph: the edges that leave each node, and which nodes may answer."""

from __future__ import annotations

import pytest

from journeyman.agents.graph.compiled import CompiledNode, Graph
from journeyman.agents.spec import GraphSpec, ModelSettings, NodeSpec
from journeyman.errors import ValidationError
from tests.harness.stepped_graph_runtime import REACT, edge, graph, node


def compiled(shape: GraphSpec) -> Graph:
    return Graph(shape, {})


def test_edges_leave_a_node_in_the_order_of_the_file() -> None:
    tools, end = compiled(REACT).edges_from("llm")
    assert (tools.number, tools.edge.targets, tools.when is None) == (0, ("tools",), False)
    assert (end.number, end.edge.targets, end.when) == (1, ("end",), None)
    assert list(compiled(REACT).edges_from("nowhere")) == []


def test_a_join_leaves_each_of_its_origins() -> None:
    joined = compiled(graph(node("a"), node("b"), node("c"), edge("a", "b c"), edge("b c", "end")))
    assert [joined.edges_from(name)[0].number for name in ("a", "b", "c")] == [0, 1, 1]


def test_a_node_may_answer_if_an_edge_leads_from_it_to_the_end() -> None:
    assert [compiled(REACT).is_last(name) for name in ("llm", "tools")] == [True, False]


def test_a_condition_that_does_not_compile_is_refused() -> None:
    with pytest.raises(ValidationError):
        compiled(graph(node("a"), edge("a", "end", "1 +")))


@pytest.mark.parametrize(("listed", "offered"), [(None, True), (("look",), True), (("pay",), False), ((), False)])
def test_a_node_offers_the_tools_it_lists_or_all(listed: tuple[str, ...] | None, offered: bool) -> None:
    spec = NodeSpec(name="a", type="llm", tools=listed)
    assert CompiledNode(spec, ModelSettings(name="m"), "m", (), lambda state: "").offers("look") is offered
