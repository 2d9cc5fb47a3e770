"""Where a token goes when its node is left: along edges, after errors, into branches and through joins."""

from __future__ import annotations

from typing import Any

from journeyman.agents.decision import EndBranch, EnterNode, Finish
from journeyman.agents.graph.compiled import CompiledNode, Graph
from journeyman.agents.graph.routing import Routing
from journeyman.agents.spec import GraphSpec, ModelSettings
from journeyman.events.events import Failure, Path
from journeyman.events.fold import AgentState
from journeyman.events.graph_position import BranchState, GraphPosition, NodeState
from tests.harness.stepped_graph_runtime import edge, graph, node

DIAMOND = graph(*(node(name) for name in "abcd"), edge("a", "b c"), edge("c b", "d"), edge("d", "end"))


def routing(shape: GraphSpec, state: AgentState | None = None) -> Routing:
    nodes = {each.name: CompiledNode(each, ModelSettings(name="m"), "m", (), lambda state: "") for each in shape.nodes}
    return Routing(Graph(shape, nodes), state or AgentState())


def left(name: str, branch: str = "", **more: Any) -> NodeState:
    return NodeState(path=Path(branch, name), call=f"{name}#1", status="left", **more)


def targets(moved: Any) -> list[tuple[str, str]]:
    return [(action.path.branch, action.path.node) for action in moved if isinstance(action, EnterNode)]


def test_a_fan_out_opens_a_branch_for_each_target() -> None:
    assert targets(routing(DIAMOND).after_node(left("a"))) == [("a#1.0", "b"), ("a#1.1", "c")]


def test_a_branch_waits_at_its_join() -> None:
    (ended,) = routing(DIAMOND).after_node(left("b", "a#1.0"))
    assert isinstance(ended, EndBranch)
    assert (ended.edge, ended.to) == (1, "d")


def test_branches_that_are_over_join_in_the_order_of_the_edge() -> None:
    parts = {name: BranchState(node=left(at, name, edge=1)) for name, at in (("a#1.0", "b"), ("a#1.1", "c"))}
    (entered,) = routing(DIAMOND).after_parts("", parts)
    assert isinstance(entered, EnterNode)
    assert (entered.path.node, entered.joins) == ("d", ("a#1.1", "a#1.0"))


def test_visits_are_counted_over_one_decision() -> None:
    moves = routing(DIAMOND, AgentState(walk=GraphPosition(visits={"b": 2})))
    assert [moves.enter("", "b").path.visit, moves.enter("x", "b").path.visit] == [3, 4]


def test_a_failed_node_is_tried_again_then_goes_where_its_file_says() -> None:
    shape = graph(node("a", retry=1, on_error="b"), node("b"), edge("a", "end"), edge("b", "end"))
    error = Failure("tool_failed", "It failed.")
    (again,) = routing(shape).after_node(left("a", error=error, failures=1))
    assert isinstance(again, EnterNode)
    assert (again.path.node, again.attempt) == ("a", 2)
    assert targets(routing(shape).after_node(left("a", error=error, failures=2))) == [("", "b")]


def test_a_failure_that_no_node_handles_fails_the_run() -> None:
    error = Failure("tool_failed", "It failed.")
    assert routing(DIAMOND).after_node(left("d", error=error, failures=1)) == (Finish(failure=error),)


def test_an_open_breaker_leads_to_its_fallback_node() -> None:
    shape = graph(node("a", retry=5, on_unavailable="b"), node("b"), edge("a", "end"), edge("b", "end"))
    error = Failure("service_circuit_open", "Not now.")
    assert targets(routing(shape).after_node(left("a", error=error, failures=1))) == [("", "b")]


def test_no_edge_that_matches_fails_the_run() -> None:
    shape = graph(node("a"), edge("a", "end", "state.steps > 5"))
    (finish,) = routing(shape).after_node(left("a"))
    assert isinstance(finish, Finish)
    assert finish.failure is not None
    assert finish.failure.code == "no_edge"
