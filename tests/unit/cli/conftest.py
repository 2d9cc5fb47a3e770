"""The command line in an empty folder, beside a journal file that holds one finished run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.llm.fake.scripted import ScriptedModel
from tests.harness.cli_runner import Shell, shell_of, without_our_variables
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


@pytest.fixture
async def journal_file(tmp_path: Path) -> Path:
    """A journal with the run `run_1` of the thread `t`, which said "hello" to "hi". No process owns it."""
    path = tmp_path / "journal.db"
    async with RuntimeInMemory(ScriptedModel(turns("hello")), journal=SqliteJournal(path)) as runtime:
        await runtime.runs.wait(await runtime.start("hi", "t"), 5)
    await runtime.journal.close()
    return path


@pytest.fixture
def shell(
    journal_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    """Runs commands on that journal: exit code and output."""
    without_our_variables(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{journal_file}")
    with shell_of(capsys) as run:
        yield run
