"""What is erased: by age, by count, by size; never a thread with an open run."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.clock import ManualClock
from journeyman.events.codec import Codec
from journeyman.events.events import RunAccepted, RunFinished
from journeyman.events.messages import user
from journeyman.files.blobs import MemoryBlobs
from journeyman.files.store import FileStore
from journeyman.ids import SequentialIds
from journeyman.journal.journal import Append, Batch
from journeyman.journal.memory import MemoryJournal
from journeyman.runtime.retention import PERIOD_SECONDS, Keep, Retention

DAY = 86_400.0
draft = Codec().draft


async def spoke(
    journal: MemoryJournal, clock: ManualClock, thread: str, *, text: str = "hi", ends: bool = True
) -> None:
    """One run on the thread, now."""
    run = f"run-{thread}"
    accepted = RunAccepted(thread=f"ann/{thread}", principal="ann", input=user(text))
    await journal.commit(Batch(at=clock.now(), appends=(Append(stream=run, drafts=(draft(accepted),)),)))
    if ends:
        end = Append(stream=run, drafts=(draft(RunFinished()),), epoch=1)
        await journal.commit(Batch(at=clock.now(), appends=(end,)))


def retention(journal: MemoryJournal, clock: ManualClock) -> Retention:
    return Retention(journal, clock, FileStore(journal, MemoryBlobs(), clock, SequentialIds()))


async def left(journal: MemoryJournal) -> list[str]:
    return [row.thread_id for row in await journal.threads("ann", None, 1000)]


@pytest.fixture
async def journal() -> MemoryJournal:
    made = MemoryJournal()
    await made.open()
    return made


async def test_by_age(journal: MemoryJournal) -> None:
    clock = ManualClock()
    await spoke(journal, clock, "old")
    await spoke(journal, clock, "open", ends=False)
    clock.advance(3 * DAY)
    await spoke(journal, clock, "new")
    erased, _ = await retention(journal, clock).prune(Keep(seconds=2 * DAY))
    assert erased == 1
    assert await left(journal) == ["new", "open"]


async def test_by_count_the_oldest_go(journal: MemoryJournal) -> None:
    clock = ManualClock()
    for number in range(250):
        await spoke(journal, clock, f"t{number:03}")
        clock.advance(1)
    assert await retention(journal, clock).prune(Keep(threads=3)) == (247, await journal.size())
    assert await left(journal) == ["t247", "t248", "t249"]


async def test_by_size(journal: MemoryJournal) -> None:
    clock = ManualClock()
    for number in range(20):
        await spoke(journal, clock, f"t{number:02}", text="x" * 10_000)
        clock.advance(1)
    await retention(journal, clock).prune(Keep(bytes=100_000))
    assert 50_000 < (await journal.size()).bytes <= 100_000
    assert "t19" in await left(journal)


@given(st.lists(st.booleans(), max_size=12), st.integers(0, 12), st.integers(0, 5_000))
async def test_bounds_hold_as_far_as_idle_threads_go(ended: list[bool], threads: int, size: int) -> None:
    journal, clock = MemoryJournal(), ManualClock()
    await journal.open()
    for number, ends in enumerate(ended):
        await spoke(journal, clock, f"t{number:02}", text="x" * 100 * number, ends=ends)
        clock.advance(1)
    await retention(journal, clock).prune(Keep(threads=threads, bytes=size))
    open_ones = [f"t{number:02}" for number, ends in enumerate(ended) if not ends]
    rest = await left(journal)
    assert set(open_ones) <= set(rest)
    within = len(rest) <= threads and (await journal.size()).bytes <= size
    assert within or rest == open_ones


async def test_nothing_asked_nothing_erased(journal: MemoryJournal) -> None:
    await spoke(journal, ManualClock(), "t")
    assert await retention(journal, ManualClock()).prune(Keep()) == (0, await journal.size())
    assert await left(journal) == ["t"]


async def test_it_comes_back_every_hour(journal: MemoryJournal) -> None:
    clock = ManualClock()
    await spoke(journal, clock, "t")
    task = asyncio.create_task(retention(journal, clock).periodically(Keep(seconds=PERIOD_SECONDS / 2)))
    await asyncio.sleep(0)
    assert await left(journal) == ["t"]
    clock.advance(PERIOD_SECONDS)
    for _ in range(5):
        await asyncio.sleep(0)
    assert await left(journal) == []
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_each_erased_thread_is_reported(journal: MemoryJournal) -> None:
    clock = ManualClock()
    for number in range(3):
        await spoke(journal, clock, f"t{number}")
    reported: list[int] = []
    erased, _ = await retention(journal, clock).prune(Keep(threads=1), reported.append)
    assert (erased, reported) == (2, [1, 2])
