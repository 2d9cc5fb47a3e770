"""Runs are cancelled in the journal file itself, without a server and without their agents."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.cli.client.without_server import cancel_in_journal
from journeyman.errors import NotFoundError, StateError
from journeyman.events.codec import Codec
from journeyman.events.events import Event, Lack, RunAccepted, RunPaused
from journeyman.events.messages import user
from journeyman.journal.journal import Append, Batch
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.settings import Settings


async def waiting(path: Path, *agents: str) -> None:
    """Store a run for each of these agents, which lacks a tool: run_0, run_1, …"""
    journal = SqliteJournal(path)
    await journal.open()
    for number, agent in enumerate(agents):
        run, draft = f"run_{number}", Codec().draft
        first: Event = RunAccepted(
            thread=f"local/t{number}", principal="local", agent=agent, version="v", input=user("Hi")
        )
        accept = Append(stream=run, drafts=(draft(first),))
        await journal.commit(Batch(at=1, appends=(accept,), epoch=journal.epoch))
        paused = Append(stream=run, drafts=(draft(RunPaused(lacks=Lack("tool", "pay"))),), epoch=journal.epoch)
        await journal.commit(Batch(at=2, appends=(paused,), epoch=journal.epoch))
    await journal.close()


async def test_runs_end_without_their_agents(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    await waiting(path, "desk", "shop", "desk")
    settings = Settings.read(env_file=None, database_url=f"sqlite:///{path}")
    assert await cancel_in_journal(settings, {"agent": "other"}) == []
    assert await cancel_in_journal(settings, {"agent": "desk", "older_than": 1.0}) == ["run_0", "run_2"]
    assert await cancel_in_journal(settings, {}, "run_1") == ["run_1"]
    with pytest.raises(StateError):
        await cancel_in_journal(settings, {}, "run_1")
    with pytest.raises(NotFoundError):
        await cancel_in_journal(settings, {}, "run_9")
    journal = SqliteJournal(path)
    await journal.open()
    assert [row.status for number in range(3) if (row := await journal.run(f"run_{number}"))] == ["cancelled"] * 3
    assert await journal.lacking() == []
    await journal.close()
