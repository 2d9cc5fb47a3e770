from __future__ import annotations

from dataclasses import dataclass

from journeyman.agent_files.agent_nodes import AgentNode, reference_problems
from journeyman.agents.spec import AgentSpec, ModelSettings


@dataclass(frozen=True)
class Loaded:
    spec: AgentSpec
    agent_nodes: tuple[AgentNode, ...]


def agent(name: str, *called: str) -> Loaded:
    nodes = tuple(AgentNode(f"n_{each}", each, f"{name}.yaml", 7, 3) for each in called)
    return Loaded(AgentSpec(type="custom_react_agent", name=name, model=ModelSettings(name="offline")), nodes)


def test_known_agents() -> None:
    assert not list(reference_problems([agent("a", "b", "c"), agent("b", "c"), agent("c")]))


def test_an_unknown_agent() -> None:
    (problem,) = reference_problems([agent("a", "biling"), agent("billing")])
    assert (problem.file, problem.line) == ("a.yaml", 7)
    assert "the node n_biling names the agent biling, which is unknown" in problem.message
    assert problem.remedy == "did you mean billing?"


def test_an_agent_whose_file_has_problems_may_be_meant() -> None:
    assert not list(reference_problems([agent("a", "b")], complete=False))


def test_an_agent_may_not_be_part_of_itself() -> None:
    (problem,) = reference_problems([agent("a", "a")])
    assert "the agent a contains itself: a -> a" in problem.message
    problems = list(reference_problems([agent("a", "b"), agent("b", "c"), agent("c", "a", "d"), agent("d")]))
    assert [problem.message.partition(": ")[2] for problem in problems] == [
        "a -> b -> c -> a",
        "b -> c -> a -> b",
        "c -> a -> b -> c",
    ]


def test_an_agent_that_calls_a_cycle_is_not_part_of_it() -> None:
    problems = list(reference_problems([agent("a", "b"), agent("b", "b")]))
    assert [problem.file for problem in problems] == ["b.yaml"]
