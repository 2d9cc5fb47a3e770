"""A run whose definition was written by a later release is left as it is, for that release to go on with."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeyman import tool
from journeyman.agents.spec import NewerDefinitionError
from journeyman.events.fold import AgentState
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.llm.fake.scripted import ScriptedModel
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
    assert [record.getMessage() for record in caplog.records if run in record.getMessage()] == [
        f"run {run} is left for a later release of Journeyman: {caplog.records[0].args[1]}"  # type: ignore[index]
    ]


async def test_it_goes_on_where_its_definition_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    run, approval = await paused(path)
    change_definitions(path, lambda definition: definition.update(patience=3))
    async with RuntimeInMemory(ScriptedModel(turns("paid")), [look, pay], SqliteJournal(path), **CHANGED) as runtime:
        await runtime.runs.answer("local", run, [HumanAnswer(approval=approval, decision="approve")])
        while runtime.worker.running:
            await asyncio.sleep(0.01)
        assert (await runtime.types(run))[-2:] == ["run_paused", "approval_given"]
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
