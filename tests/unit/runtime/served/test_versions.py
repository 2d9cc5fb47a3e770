"""Which agent a run gets: the current one, a kept one, or one rebuilt from the journal."""

from __future__ import annotations

import msgspec
import pytest

from journeyman.agents.react import DirectAgent, ReactAgent
from journeyman.agents.spec import AgentSpec, ModelSettings
from journeyman.agents.toolset import Toolset
from journeyman.errors import ConfigurationError, NotFoundError
from journeyman.events.events import DirectCall
from journeyman.events.fold import AgentState
from journeyman.journal.journal import Batch
from journeyman.journal.memory import MemoryJournal
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.versions import VersionResolver

SPEC = AgentSpec(type="react_agent", name="support", model=ModelSettings(name="m"), prompt="Today.")
OLD = msgspec.structs.replace(SPEC, prompt="Once.")


def build(spec: AgentSpec) -> ReactAgent:
    return ReactAgent(spec, Toolset((), lambda name, arguments: {}), lambda state: spec.prompt)


def direct(tool: str, agent: str | None) -> DirectAgent:
    spec = AgentSpec(type="direct", name=tool, model=ModelSettings(name=""))
    return DirectAgent(spec, Toolset((), lambda name, arguments: {}), lambda state: "")


async def resolver(*stored: AgentSpec) -> VersionResolver:
    journal = MemoryJournal()
    made = VersionResolver(journal, AgentRegistry({"support": build(SPEC)}), build, direct)
    for spec in stored:
        definition = made.to_store(build(spec))
        assert definition is not None
        await journal.commit(Batch(at=0, appends=(), definitions=(definition,)))
    return made


def run_of(spec: AgentSpec) -> AgentState:
    return AgentState(agent=spec.name, version=spec.version)


async def test_a_run_of_today_gets_the_agent_that_is_served() -> None:
    versions = await resolver()
    assert await versions.of(run_of(SPEC)) is versions.current("support")


async def test_a_run_of_an_older_version_gets_it_rebuilt_and_kept() -> None:
    versions = await resolver(OLD)
    agent = await versions.of(run_of(OLD))
    assert (agent.spec.prompt, await versions.of(run_of(OLD)) is agent) == ("Once.", True)
    versions.renew()
    assert await versions.of(run_of(OLD)) is not agent


async def test_a_lone_call_gets_an_agent_of_its_tool() -> None:
    state = AgentState(direct=DirectCall("add", {}))
    assert (await (await resolver()).of(state)).name == "add"


async def test_a_definition_that_is_gone() -> None:
    versions = await resolver()
    with pytest.raises(ConfigurationError):
        await versions.of(run_of(OLD))
    with pytest.raises(NotFoundError, match="no version"):
        await versions.version("support", OLD.version)


async def test_a_version_by_name() -> None:
    versions = await resolver(OLD)
    assert await versions.version("support", "current") is await versions.version("support", SPEC.version)
    assert (await versions.version("support", OLD.version)).spec == OLD
    with pytest.raises(NotFoundError, match="is of agent 'support'"):
        await versions.version("other", OLD.version)


async def test_a_definition_is_stored_once() -> None:
    versions = await resolver()
    agent = versions.current("support")
    definition = versions.to_store(agent)
    assert definition is not None
    assert (definition.version, definition.data) == (SPEC.version, SPEC.encode())
    versions.stored(SPEC.version)
    assert versions.to_store(agent) is None
