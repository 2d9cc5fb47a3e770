"""Runs that wait are found by the index, page by page, and go on one after the other."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from pathlib import Path

import pytest

from journeyman.events.codec import Codec
from journeyman.events.events import Lack, RunAccepted, RunPaused
from journeyman.events.messages import user
from journeyman.journal.journal import Append, Batch
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.runtime import lacking_runs
from journeyman.runtime.lacking_runs import allowed_by
from tests.harness.incomplete_runtime import UNREACHABLE, desk, incomplete


def test_runs_go_on_slowly_first_and_then_twice_as_many_each_second() -> None:
    assert [allowed_by(seconds) for seconds in (0, 1, 2, 3, 5)] == [1, 21, 61, 141, 621]
    assert 10 < allowed_by(0.5) < 12


async def test_the_runs_of_several_pages_all_go_on() -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = UNREACHABLE
        runs = [await runtime.start(f"a{number}") for number in range(lacking_runs.AT_ONCE + 20)]
        await runtime.pass_time(20, step=2)
        assert len(await runtime.journal.lacking(limit=5000)) == len(runs)
        assert runtime.runtime.scheduler.running == 0
        runtime.gateway.failure = None
        began = runtime.clock.monotonic()
        await runtime.pass_time(10, step=0.1)
        assert await runtime.journal.lacking() == []
        times = [at - began for at in runtime.gateway.asked]
        assert len(times) == len(runs)
        assert times[0] <= 2
        assert sum(at < times[0] + 1 for at in times) <= 25


async def test_a_look_that_is_asked_for_twice_is_made_after_the_first() -> None:
    async with incomplete(desk()) as runtime:
        runtime.runtime.lacking.look()
        runtime.runtime.lacking.look()
        await runtime.settle()
        assert await runtime.journal.lacking() == []


async def test_nothing_is_looked_for_once_it_is_closed() -> None:
    async with incomplete(desk()) as runtime:
        await runtime.runtime.lacking.aclose()
        runtime.runtime.lacking.look()
        await runtime.settle()


async def store_waiters(path: Path, count: int) -> None:
    """Store this many runs that lack a tool."""
    journal, draft = SqliteJournal(path), Codec().draft
    await journal.open()
    for first in range(0, count, 100):
        runs = range(first, first + 100)
        accepted = [
            RunAccepted(thread=f"local/t{number}", principal="local", agent="desk", version="v", input=user("Hi"))
            for number in runs
        ]
        accepts = tuple(
            Append(stream=f"run_{number}", drafts=(draft(event),)) for number, event in zip(runs, accepted, strict=True)
        )
        await journal.commit(Batch(at=1, appends=accepts, epoch=journal.epoch))
        paused = draft(RunPaused(lacks=Lack("tool", "pay")))
        pauses = tuple(Append(stream=f"run_{number}", drafts=(paused,), epoch=journal.epoch) for number in runs)
        await journal.commit(Batch(at=2, appends=pauses, epoch=journal.epoch))
    await journal.close()


@pytest.mark.long
async def test_ten_thousand_waiters_have_no_task_and_little_memory(tmp_path: Path) -> None:
    path, count = tmp_path / "j.db", 10_000
    await store_waiters(path, count)
    tasks = len(asyncio.all_tasks())
    gc.collect()
    tracemalloc.start()
    async with incomplete(tools=(), journal=SqliteJournal(path)) as runtime:
        looks = [task for task in asyncio.all_tasks() if task.get_name() == "lacking runs"]
        await asyncio.wait(looks, timeout=60)
        assert runtime.runtime.lacking.counts_by_kind() == {"tool": count}
        gc.collect()
        each = tracemalloc.get_traced_memory()[0] / count
        assert len(asyncio.all_tasks()) <= tasks + 1
        assert runtime.runtime.scheduler.running == 0
    tracemalloc.stop()
    await runtime.journal.close()
    print(f"\n{each:.0f} bytes for each of {count} runs that wait")
    assert each <= 2048
