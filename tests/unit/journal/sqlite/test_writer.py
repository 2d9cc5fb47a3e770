from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import pytest

from journeyman.errors import ResourceError, StorageError
from journeyman.journal.journal import Batch, RunFilter
from journeyman.journal.sqlite.accept_lane import AcceptPlaces
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.writer import MOST_OVERTAKEN
from journeyman.journal.transactions import Transactions
from tests.harness.sqlite_batches import Gate, accept, say
from tests.unit.journal.sqlite.test_journal import BrokenDisk


async def test_accepts_are_refused_when_full_and_results_wait(path: Path) -> None:
    journal = SqliteJournal(path, max_queue=1, accepts=AcceptPlaces(2, 2))
    await journal.open()
    await journal.commit(accept("r0"))
    gate = Gate(journal)
    waiting = [journal.submit(accept("r1")), journal.submit(accept("r2"))]
    with pytest.raises(ResourceError) as full:
        await journal.commit(accept("r3"))
    assert (full.value.code, full.value.retry_after) == ("overloaded", 1)
    result = asyncio.ensure_future(journal.commit(say("r0", "result")))
    await asyncio.sleep(0)
    assert not result.done()
    assert journal.stats()["queue_depth"] == 3
    assert journal.stats()["turned_away"] == 1
    gate.open()
    assert (await result).entries
    assert [bool((await ticket).entries) for ticket in waiting] == [True, True]
    await journal.commit(accept("r3"))
    await journal.close()


async def test_new_requests_of_one_owner_leave_room_for_another_and_for_results(path: Path) -> None:
    journal = SqliteJournal(path, max_queue=2, accepts=AcceptPlaces(8, 4))
    await journal.open()
    await journal.commit(accept("r0"))
    gate = Gate(journal)
    flood = [journal.submit(accept(f"a{number}", owner="ann")) for number in range(4)]
    with pytest.raises(ResourceError, match="Too many of your requests"):
        await journal.commit(accept("a4", owner="ann"))
    other, result = journal.submit(accept("b0", owner="bob")), journal.submit(say("r0", "result"))
    gate.open()
    assert (await other).entries
    assert (await result).entries
    assert all([bool((await ticket).entries) for ticket in flood])
    assert (await journal.commit(accept("a4", owner="ann"))).entries
    await journal.close()


async def test_new_requests_are_written_in_turns(path: Path) -> None:
    journal = SqliteJournal(path, batch_size=1)
    await journal.open()
    gate = Gate(journal)
    gate.reached()
    settled: list[str] = []

    async def note(run: str, owner: str) -> None:
        await journal.commit(accept(run, owner=owner))
        settled.append(run)

    tasks = [asyncio.ensure_future(note(f"a{number}", "ann")) for number in range(20)]
    tasks.append(asyncio.ensure_future(note("b", "bob")))
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(*tasks)
    assert settled[:3] == ["a0", "b", "a1"]
    await journal.close()


async def test_results_overtake_new_requests_a_few_times_only(path: Path) -> None:
    journal = SqliteJournal(path, batch_size=2)
    await journal.open()
    await journal.commit(accept("r0"))
    gate = Gate(journal)
    gate.reached()
    settled: list[str] = []

    async def note(name: str, batch: Batch) -> None:
        await journal.commit(batch)
        settled.append(name)

    batches = {"accept": accept("r1"), **{f"{number}": say("r0", "x") for number in range(30)}}
    tasks = [asyncio.ensure_future(note(name, batch)) for name, batch in batches.items()]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(*tasks)
    assert settled.index("accept") == 2 * MOST_OVERTAKEN
    await journal.close()


async def test_results_go_before_accepts_and_a_group_holds_at_most_batch_size(path: Path) -> None:
    journal = SqliteJournal(path, batch_size=2)
    await journal.open()
    await journal.commit(accept("r0"))
    gate = Gate(journal)
    gate.reached()
    settled: list[str] = []

    async def note(name: str, batch: Batch) -> None:
        await journal.commit(batch)
        settled.append(name)

    order = [note("accept", accept("r1")), note("a", say("r0", "a")), note("b", say("r0", "b"))]
    tasks = [asyncio.ensure_future(one) for one in order]
    await asyncio.sleep(0)
    before = journal.stats()["commits"]
    gate.open()
    await asyncio.gather(*tasks)
    assert settled == ["a", "b", "accept"]
    assert journal.stats()["commits"] == before + 2
    await journal.close()


async def test_close_writes_what_was_handed_over(path: Path) -> None:
    journal = SqliteJournal(path)
    await journal.open()
    tickets = [journal.submit(accept(f"r{number}")) for number in range(20)]
    await journal.close()
    assert all(ticket.done() for ticket in tickets)
    assert path.with_name("journal.db-wal").stat().st_size == 0
    with pytest.raises(StorageError):
        await journal.commit(accept("late"))
    await journal.open()
    assert len(await journal.runs(RunFilter())) == 20
    await journal.close()


async def test_a_full_disk_refuses_and_recovers(journal: SqliteJournal) -> None:
    await journal.commit(accept("r0"))
    pages = await limit(journal, 1)
    with pytest.raises(StorageError) as full:
        await journal.commit(accept("r1", text="x" * 100_000))
    assert full.value.code == "storage_full"
    assert journal.healthy
    assert await journal.run("r0") is not None
    assert await journal.run("r1") is None
    await limit(journal, pages + 1000)
    assert [entry.seq for entry in (await journal.commit(accept("r1", text="x" * 100_000))).entries] == [1, 2]
    assert [entry.seq for entry in (await journal.commit(say("r0", "on"))).entries] == [3]


@pytest.mark.alone  # the limit is that of all connections of the process
async def test_a_lack_of_memory_refuses_and_recovers(journal: SqliteJournal) -> None:
    await journal.commit(accept("r0"))
    apsw.hard_heap_limit(1)
    try:
        with pytest.raises(StorageError) as refused:
            await journal.commit(accept("r1", text="x" * 500_000))
    finally:
        apsw.hard_heap_limit(0)
    assert (refused.value.code, refused.value.retry_after) == ("exhausted", 2)
    assert journal.healthy
    assert journal.trouble is refused.value
    assert (await journal.commit(accept("r1"))).entries
    assert journal.trouble is None


async def test_a_batch_without_memory_can_be_tried_again(journal: SqliteJournal) -> None:
    """Python's own error, from the code of a batch."""

    def work(transactions: Any) -> None:
        raise MemoryError

    with pytest.raises(StorageError) as refused:
        await journal._writing().call(work)
    assert (refused.value.code, refused.value.retry_after) == ("exhausted", 2)
    assert journal.healthy
    assert (await journal.commit(accept("r0"))).entries


async def test_a_writer_that_fails_says_so_and_leaves_nobody_waiting(journal: SqliteJournal) -> None:
    writer = journal._writing()
    writer._checkpoint_pages = "a fault"  # type: ignore[assignment]
    tickets = [journal.submit(accept(f"r{number}")) for number in range(3)]
    await tickets[0]
    with pytest.raises(StorageError, match="is no longer written"):
        await commit_for_ever(journal)
    assert not journal.healthy
    assert all(ticket.done() for ticket in tickets)


async def commit_for_ever(journal: SqliteJournal) -> None:
    for number in count():
        await journal.commit(accept(f"later{number}"))


async def limit(journal: SqliteJournal, pages: int) -> int:
    db = journal._writing()._db
    now: Any = await journal._writing().call(lambda transactions: db.pragma("page_count"))
    await journal._writing().call(lambda transactions: db.pragma("max_page_count", pages))
    return int(now)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_failed_sync_fails_the_whole_group_and_turns_the_journal_red(path: Path) -> None:
    disk = BrokenDisk()
    journal = SqliteJournal(path, vfs="broken")
    await journal.open()
    await journal.commit(accept("r0"))
    gate = Gate(journal)
    gate.reached()
    group = [journal.submit(accept("r1")), journal.submit(accept("r2"))]
    disk.broken = True
    gate.open()
    for ticket in group:
        with pytest.raises(StorageError):
            await ticket
    assert not journal.healthy
    disk.broken = False
    with pytest.raises(StorageError):
        await journal.commit(accept("r3"))
    assert await journal.run("r0") is not None
    await journal.close()
    disk.unregister()


async def test_a_file_locked_by_another_is_waited_for_and_then_refused(journal: SqliteJournal, path: Path) -> None:
    await journal.commit(accept("r0"))
    journal._writing()._db.set_busy_timeout(20)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked by another process"):
        await journal.commit(accept("r1"))
    other.execute("ROLLBACK")
    other.close()
    assert journal.healthy
    assert (await journal.commit(accept("r1"))).entries


async def test_a_batch_that_meets_a_bug_fails_alone(journal: SqliteJournal) -> None:
    def broken(transactions: Transactions) -> None:
        transactions.write(say("no_such_run", "x"))

    await journal.commit(accept("r0"))
    gate = Gate(journal)
    gate.reached()
    good, bad, more = journal.submit(accept("r1")), journal._writing().call(broken), journal.submit(say("r0", "x"))
    gate.open()
    assert (await good).entries
    with pytest.raises(StorageError):
        await bad
    assert (await more).entries
    assert journal.healthy
