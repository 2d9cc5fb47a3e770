"""Agent files given as text: what they define, and what is wrong with them."""

from __future__ import annotations

from journeyman.agent_files.definition import LoadContext, LoadedAgent, define_agent
from journeyman.agent_files.yaml_reader import read_document
from journeyman.errors import Problem


def define(text: str, surroundings: LoadContext) -> tuple[LoadedAgent | None, list[Problem]]:
    document, problems = read_document(text.encode(), "agent.yaml")
    assert document is not None
    agent, found = define_agent(document, surroundings, default_name="support")
    return agent, [*problems, *found]


def defined(text: str, surroundings: LoadContext) -> LoadedAgent:
    agent, problems = define(text, surroundings)
    assert not problems
    assert agent is not None
    return agent
