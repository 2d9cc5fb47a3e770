"""The decisions of an agent that follows a graph."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.decision import EnterNode, Finish, ReachLimit
from journeyman.agents.graph.agent import ENTRIES_PER_STEP, GraphAgent
from journeyman.agents.spec import AgentSpec, GraphSpec, Limits, ModelSettings
from journeyman.errors import ConfigurationError
from journeyman.events.events import Failure, LimitReached, Path
from journeyman.events.fold import AgentState
from journeyman.events.graph_position import GraphPosition, NodeState
from journeyman.events.messages import assistant, user
from tests.harness.stepped_graph_runtime import edge, graph, graph_agent, node

PLAN = graph(node("plan", prompt="Plan."), node("work", "function"), edge("plan", "work"), edge("work", "end"))


async def work(ctx: Any) -> None:
    return None


def agent(shape: GraphSpec = PLAN, **changes: Any) -> GraphAgent:
    spec = AgentSpec(type="custom_react_agent", name="g", model=ModelSettings(name="m"), graph=shape, **changes)
    return graph_agent(spec, {"work": work})


def at(name: str, status: str, visits: dict[str, int] | None = None, **more: Any) -> AgentState:
    token = NodeState(path=Path("", name), call=f"{name}#1", status=status)  # type: ignore[arg-type]
    return AgentState(walk=GraphPosition(node=token, visits=visits or {name: 1}), **more)


def test_a_run_begins_at_the_start_node() -> None:
    (entered,) = agent().decide(AgentState())
    assert isinstance(entered, EnterNode)
    assert (entered.call, entered.path) == ("plan#1", Path("", "plan", 1))


def test_a_node_that_was_left_leads_along_its_edge() -> None:
    (entered,) = agent().decide(at("plan", "left"))
    assert isinstance(entered, EnterNode)
    assert entered.path.node == "work"


def test_at_the_end_the_last_reply_is_the_answer() -> None:
    decided = agent().decide(at("work", "left", messages=(user("hi"), assistant("Sum."))))
    assert decided == (Finish(output="Sum."),)


def test_a_failure_and_a_limit_end_the_run() -> None:
    failure = Failure("gateway_error", "It failed.")
    assert agent().decide(AgentState(failure=failure)) == (Finish(failure=failure),)
    reached = AgentState(limit=LimitReached(limit="steps", value=1))
    assert agent().decide(reached) == (Finish(output="", stopped_by="steps"),)


def test_a_loop_without_models_ends_at_the_limit_of_steps() -> None:
    looping = at("plan", "left", visits={"plan": ENTRIES_PER_STEP})
    assert agent(limits=Limits(steps=1)).decide(looping) == (ReachLimit(limit="steps", value=1),)


def test_a_nodes_model_call_has_the_nodes_own_prompt() -> None:
    _, request = agent().node_request(Path("", "plan"), AgentState(messages=(user("hi"),)))
    assert [message.text for message in request.messages] == ["Plan.", "hi"]


def test_only_a_node_with_code_has_work() -> None:
    assert agent().node_work(Path("", "work")).function is work
    with pytest.raises(ConfigurationError, match="plan"):
        agent().node_work(Path("", "plan"))
