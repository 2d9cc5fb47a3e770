"""What a command says of its run when the server ended before it answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from journeyman.cli.client.http_client import LostConnectionError
from journeyman.cli.lost_run import naming_followed_run, naming_lost_run
from journeyman.errors import ServiceUnavailableError
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import RequestOrigin
from journeyman.settings import Settings
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


def said(settings: Settings, request_id: str, url: str | None = None) -> str:
    with pytest.raises(ServiceUnavailableError) as lost, naming_lost_run(settings, url):
        raise LostConnectionError("It was lost.", request_id)
    return lost.value.message


async def journal_with_run(path: Path, request_id: str) -> str:
    """Return the id of a run that this request started, in a journal file that no process owns."""
    async with RuntimeInMemory(ScriptedModel(turns("hello")), journal=SqliteJournal(path)) as runtime:
        run_id = await runtime.start("hi", origin=RequestOrigin(request_id=request_id))
        await runtime.runs.wait(run_id, 5)
    await runtime.journal.close()
    return run_id


def test_the_run_is_found_in_the_journal_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    run_id = asyncio.run(journal_with_run(path, "req_1"))
    settings = Settings.read(env_file=None, database_url=f"sqlite:///{path}")
    assert said(settings, "req_1").startswith(f"It was lost. Run {run_id} was accepted")
    assert "It had not accepted the message." in said(settings, "req_2")


def test_without_the_file_the_command_that_finds_the_run_is_named(tmp_path: Path) -> None:
    settings = Settings.read(env_file=None, database_url=f"sqlite:///{tmp_path / 'none.db'}")
    assert "`journeyman runs list --request-id req_1` shows its run" in said(settings, "req_1")
    assert "--request-id req_1 --url http://h:1`" in said(settings, "req_1", "http://h:1")


def test_a_followed_run_is_named() -> None:
    with pytest.raises(ServiceUnavailableError, match="Run run_1 was accepted"), naming_followed_run("run_1"):
        raise ServiceUnavailableError("No server answers.")
