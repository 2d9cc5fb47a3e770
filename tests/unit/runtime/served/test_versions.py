"""A run whose definition was written by a later release is left as it is, for that release to go on with."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journeyman import tool
from journeyman.agents.react import DirectAgent, ReactAgent
from journeyman.agents.spec import AgentSpec, ModelSettings, NewerDefinitionError
from journeyman.agents.toolset import Toolset
from journeyman.errors import ConfigurationError, NotFoundError, StateError
from journeyman.events.events import DirectCall
from journeyman.events.fold import AgentState
from journeyman.journal.journal import Batch
from journeyman.journal.memory import MemoryJournal
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.use_cases.requests import HumanAnswer
from tests.harness.runtime_in_memory import RuntimeInMemory, turns

CHANGED = {"steps": 7}  # today's agent is another version: the stored definition must be read


@tool(effects="none")
async def look() -> str:
    """Look."""
    await asyncio.Event().wait()
    return ""


@tool(effects="once", approval="always")
async def pay() -> str:
    """Pay."""
    return "paid"


def change_definitions(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change every definition in the journal, as another release might have written it."""
    with sqlite3.connect(path) as database:
        for version, data in database.execute("SELECT version, data FROM definitions").fetchall():
            definition = json.loads(data)
            change(definition)
            database.execute("UPDATE definitions SET data = ? WHERE version = ?", (json.dumps(definition), version))


async def interrupted(path: Path) -> str:
    """Stop a server in the middle of a tool call. Return the run, whose status stays `running`."""
    async with RuntimeInMemory(ScriptedModel(turns({"look": {}})), [look, pay], SqliteJournal(path)) as runtime:
        run = await runtime.start("go")
        while "tool_call_started" not in await runtime.types(run):
            await asyncio.sleep(0.01)
    await runtime.journal.close()
    return run


async def paused(path: Path) -> tuple[str, str]:
    """Stop a server with a run that waits for an approval. Return both."""
    async with RuntimeInMemory(ScriptedModel(turns({"pay": {}})), [look, pay], SqliteJournal(path)) as runtime:
        run = await runtime.start("go")
        result = await runtime.runs.wait(run, 5)
    await runtime.journal.close()
    return run, result.approvals[0].id


ADDED: list[Callable[[dict[str, Any]], None]] = [
    lambda definition: definition.update(patience=3),
    lambda definition: definition["tools"][0].update(shadow=True),
    lambda definition: definition["tools"][0].update(effects="twice"),
    lambda definition: definition["tools"][0]["limits"].update(threads=3),
]


@pytest.mark.parametrize("change", ADDED)
async def test_a_run_that_was_under_way_is_left(
    change: Callable[[dict[str, Any]], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.db"
    run = await interrupted(path)
    change_definitions(path, change)
    async with RuntimeInMemory(ScriptedModel(turns("done")), [look, pay], SqliteJournal(path), **CHANGED) as runtime:
        before = await runtime.types(run)
        assert await runtime.worker.recover() == 1
        while runtime.worker.running:
            await asyncio.sleep(0.01)
        assert await runtime.types(run) == before
        assert (await runtime.runs.get("local", run)).status == "running"
    await runtime.journal.close()
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("journeyman")]
    [line] = [message for message in ours if run in message]  # asyncio names the tasks that a busy machine slows down
    assert line.startswith(f"run {run} is left for a later release of Journeyman: ")


async def test_it_goes_on_where_its_definition_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    run, approval = await paused(path)
    change_definitions(path, lambda definition: definition.update(patience=3))
    async with RuntimeInMemory(ScriptedModel(turns("paid")), [look, pay], SqliteJournal(path), **CHANGED) as runtime:
        answer = HumanAnswer(approval=approval, decision="approve")
        with pytest.raises(StateError) as refused:
            await runtime.runs.answer("local", run, [answer])
        assert refused.value.code == "agent_away"
        await runtime.runs.answer("local", run, [HumanAnswer(approval=approval, decision="deny")])
        while runtime.worker.running:
            await asyncio.sleep(0.01)
        assert (await runtime.types(run))[-2:] == ["run_paused", "approval_given"]
        assert [row.lacks for row in await runtime.journal.lacking()] == ["release:"]
        result = await runtime.runs.result("local", run)
        assert result.waiting_for == "release"
    await runtime.journal.close()
    change_definitions(path, lambda definition: definition.pop("patience"))
    async with RuntimeInMemory(ScriptedModel(turns("paid")), [look, pay], SqliteJournal(path), **CHANGED) as runtime:
        await runtime.worker.recover()
        assert (await runtime.runs.wait(run, 5)).response == "paid"
    await runtime.journal.close()


async def test_a_reader_of_such_a_definition_gets_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    run, _ = await paused(path)
    change_definitions(path, lambda definition: definition["tools"][0].update(shadow=True))
    async with RuntimeInMemory(ScriptedModel(turns()), [look, pay], SqliteJournal(path), **CHANGED) as runtime:
        version = (await runtime.runs.get("local", run)).version
        with pytest.raises(NewerDefinitionError, match="unknown field `shadow`"):
            await runtime.definitions.of(AgentState(agent="test", version=version))
    await runtime.journal.close()


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
