"""`journeyman errors` over a journal file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.llm.fake.scripted import ScriptedModel
from tests.harness.cli_runner import Shell
from tests.harness.runtime_in_memory import RuntimeInMemory


@pytest.fixture
async def failed_run(journal_file: Path) -> str:
    """A second run in the journal, whose model had no reply."""
    async with RuntimeInMemory(ScriptedModel([]), journal=SqliteJournal(journal_file)) as runtime:
        runtime.ids.new("run")  # the first run has it
        run = await runtime.start("hi", "u")
        await runtime.runs.wait(run, 5)
    await runtime.journal.close()
    return run


def test_without_failures_a_sentence_says_so(shell: Shell) -> None:
    assert shell("errors") == (0, "No run has failed.\n")


def test_failures_are_grouped(failed_run: str, shell: Shell) -> None:
    (group,) = json.loads(shell("errors", "--json")[1])["items"]
    assert (group["count"], group["latest_run"], bool(group["message"])) == (1, failed_run, True)
    code, out = shell("errors")
    assert (code, out.split()[:2]) == (0, ["COUNT", "CODE"])
