"""A runtime over a journal that serves no agents and starts no run by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.server.without_agents import runtime_without_agents
from journeyman.settings import Settings


async def test_it_starts_nothing_and_gives_the_journal_back(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    settings = Settings.read(env_file=None, database_url=f"sqlite:///{path}")
    async with runtime_without_agents(settings) as runtime:
        assert runtime.scheduler.running == 0
        with pytest.raises(ConfigurationError):
            await SqliteJournal(path).open()
    journal = SqliteJournal(path)
    await journal.open()
    await journal.close()
