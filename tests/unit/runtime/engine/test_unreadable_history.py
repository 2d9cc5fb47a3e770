"""A run whose stored events cannot be decoded ends, and its thread says so; a full disk is waited for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from journeyman import tool
from journeyman.errors import HistoryUnreadableError, NotFoundError, StateError
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import verify_journal
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import ForkRun, HumanAnswer
from tests.harness.runtime_in_memory import RuntimeInMemory, turns

DAMAGES = ("CAST('{\"x\":' AS BLOB)", "x'ff00fe'", "CAST('[]' AS BLOB)", "'text \ufffd'", "x''")


@tool(effects="once", approval="always")
async def pay() -> str:
    """Pay."""
    return "paid"


@asynccontextmanager
async def opened(path: Path, *plan: object) -> AsyncIterator[RuntimeInMemory]:
    async with RuntimeInMemory(ScriptedModel(turns(*plan)), [pay], SqliteJournal(path)) as runtime:  # type: ignore[arg-type]
        yield runtime
        await runtime.worker.stop(0)
        await runtime.journal.close()


async def paused(path: Path, *behind: str) -> tuple[str, str, list[str]]:
    """Leave a run that waits for an approval, with runs queued behind it. Return it, its approval and those."""
    async with opened(path, {"pay": {}}) as runtime:
        run = await runtime.start("go", "t")
        result = await runtime.runs.wait(run, 5)
        queued = [await runtime.start(text, "t") for text in behind]
    return run, result.approvals[0].id, queued


def damage(path: Path, run: str, seq: int, data: str = DAMAGES[0]) -> None:
    with sqlite3.connect(path) as db:
        done = db.execute(
            f"UPDATE events SET data = {data} WHERE seq = ? AND stream = (SELECT no FROM streams WHERE name = ?)",
            (seq, run),
        )
        assert done.rowcount == 1
    db.close()


async def ended(runtime: RuntimeInMemory, run: str) -> None:
    async with asyncio.timeout(10):
        while (await runtime.runs.get("local", run)).ended_at is None:
            await asyncio.sleep(0)


@pytest.mark.parametrize("data", DAMAGES)
@pytest.mark.parametrize("seq", [1, 2, 4])
async def test_the_run_ends_and_its_thread_says_the_same(seq: int, data: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    run, approval, _ = await paused(path)
    damage(path, run, seq, data)
    async with opened(path, "done") as runtime:
        await runtime.worker.recover()
        with pytest.raises(HistoryUnreadableError):
            await runtime.runs.answer("local", run, [HumanAnswer(approval=approval, decision="approve")])
        await ended(runtime, run)
        row = await runtime.runs.get("local", run)
        assert (row.status, row.error_code) == ("failed", "history_unreadable")
        for _ in range(2):
            with pytest.raises(StateError, match="cannot be read") as refused:
                await runtime.start("again", "t")
            assert refused.value.code == "history_unreadable"
        other = await runtime.start("elsewhere", "u")
        assert (await runtime.runs.wait(other, 5)).status == "finished"
    async with opened(path) as runtime:
        with pytest.raises(StateError):
            await runtime.start("after a restart", "t")


async def test_a_run_in_progress_ends_at_the_take_over_and_the_queue_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    run, _, queued = await paused(path, "second", "third")
    damage(path, run, 4)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE runs SET status = 'running' WHERE id = ?", (run,))
    db.close()
    async with opened(path, "second", "third") as runtime:
        assert await runtime.worker.recover() == 1
        for one in (run, *queued):
            await ended(runtime, one)
        rows = [await runtime.runs.get("local", one) for one in (run, *queued)]
        assert [row.error_code for row in rows] == ["history_unreadable"] * 3
        thread = await runtime.journal.thread(rows[0].thread)
        assert thread is not None
        assert thread.active_run is None


async def test_a_cancel_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    run, _, _ = await paused(path)
    damage(path, run, 4)
    async with opened(path) as runtime:
        await runtime.worker.recover()
        with suppress(HistoryUnreadableError):
            await runtime.runs.cancel("local", run)
        await ended(runtime, run)
        assert (await runtime.runs.get("local", run)).status == "failed"


async def test_its_thread_can_be_deleted_and_a_fork_before_the_damage_works(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    run, approval, _ = await paused(path)
    damage(path, run, 4)
    async with opened(path, "another way") as runtime:
        await runtime.worker.recover()
        with pytest.raises(HistoryUnreadableError):
            await runtime.runs.answer("local", run, [HumanAnswer(approval=approval, decision="approve")])
        await ended(runtime, run)
        forked = await runtime.forks.fork("local", ForkRun(run_id=run, at=2))
        assert (await runtime.runs.wait(forked.run_id, 5)).response == "another way"
        await runtime.threads.erase("local", "t")
        with pytest.raises(NotFoundError):
            await runtime.runs.get("local", run)
    assert verify_journal(path, 10) == []
