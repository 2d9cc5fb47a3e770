from __future__ import annotations

import pytest

from journeyman.agents.agent import BaseAgent
from journeyman.errors import NotFoundError, StateError
from journeyman.runtime.served.agents import KEPT_VERSIONS, AgentRegistry
from tests.harness.fake_use_cases import fake_agent


def version(word: str) -> BaseAgent:
    agent = fake_agent()
    agent.version = word
    return agent


def served(*words: str) -> AgentRegistry:
    first, *rest = map(version, words)
    catalog = AgentRegistry({first.name: first}, at=1)
    for at, agent in enumerate(rest, 2):
        catalog.put(agent, at)
    return catalog


NAME = fake_agent().name


def words(catalog: AgentRegistry) -> list[str]:
    return [each.agent.version for each in catalog.versions(NAME)]


def test_a_new_version_is_what_new_runs_get_and_the_old_one_is_kept() -> None:
    catalog = served("a", "b")
    assert catalog.resolve(NAME).version == "b"
    assert [(each.agent.version, each.since) for each in catalog.versions(NAME)] == [("b", 2), ("a", 1)]
    kept = catalog.kept(NAME, "a")
    assert kept is not None
    assert kept.version == "a"


def test_the_same_version_over_new_parts_is_no_new_version() -> None:
    catalog = served("a")
    again = version("a")
    assert catalog.put(again, 9) is None
    assert (catalog.resolve(NAME), words(catalog), catalog.versions(NAME)[0].since) == (again, ["a"], 1)


def test_a_version_that_comes_back_is_the_newest() -> None:
    catalog = served("a", "b", "a")
    assert words(catalog) == ["a", "b"]


def test_the_last_versions_are_kept_and_no_more() -> None:
    catalog = served(*(str(number) for number in range(30)))
    assert words(catalog) == [str(number) for number in range(29, 29 - KEPT_VERSIONS, -1)]


def test_rolled_back_step_by_step_to_the_oldest() -> None:
    catalog = served("a", "b", "c")
    for expected in ("b", "a"):
        assert catalog.before(NAME) == expected
        catalog.roll_back(version(expected))
        assert catalog.resolve(NAME).version == expected
    with pytest.raises(StateError) as refused:
        catalog.before(NAME)
    assert refused.value.code == "no_earlier_version"


def test_the_way_back_leads_past_what_servers_showed_meanwhile() -> None:
    catalog = served("a", "b")
    catalog.put(version("b with tools"), 3, by_file=False)
    assert catalog.resolve(NAME).version == "b with tools"
    assert catalog.before(NAME) == "a"


def test_rolled_back_it_stays_until_its_file_says_something_new() -> None:
    catalog = served("a", "b")
    catalog.roll_back(version("a"))
    assert catalog.put(version("b"), 3) is None  # another file was saved
    assert (catalog.resolve(NAME).version, catalog.is_rolled_back(NAME)) == ("a", True)
    catalog.put(version("b2"), 4, by_file=False)  # tools of a server came
    assert catalog.resolve(NAME).version == "a"
    catalog.put(version("c"), 5)
    assert (catalog.resolve(NAME).version, catalog.is_rolled_back(NAME)) == ("c", False)


def test_a_removed_agent_is_served_no_more_and_its_runs_may_end() -> None:
    catalog = served("a")
    catalog.remove(NAME)
    with pytest.raises(NotFoundError):
        catalog.resolve(NAME)
    assert catalog.kept(NAME, "a") is not None


def test_of_removed_agents_not_all_are_kept() -> None:
    catalog = AgentRegistry({})
    for number in range(200):
        agent = version("a")
        agent.name = f"agent{number}"
        catalog.put(agent, number)
        catalog.remove(agent.name)
    assert sum(catalog.kept(f"agent{number}", "a") is not None for number in range(200)) == 64
