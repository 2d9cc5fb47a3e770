"""What only the SQLite backend has: a file, an owner, a disk that can fail, a writer's thread."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw
import pytest

from journeyman.errors import ConfigurationError, ResourceError, StorageError
from journeyman.events.codec import Codec
from journeyman.events.events import MessageAdded, ModelReplied, RunAccepted, RunFinished
from journeyman.events.messages import assistant, user
from journeyman.journal.journal import Append, Batch, IdempotencyClaim, RunFilter, thread_stream
from journeyman.journal.sqlite.connection import APPLICATION_ID, refuse_unsafe_sqlite
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.statements import migrations
from journeyman.journal.sqlite.verify import differences
from journeyman.journal.transactions import Transactions

draft = Codec().draft


def accept(run: str, thread: str = "", text: str = "hi", claim: bool = False) -> Batch:
    event = RunAccepted(thread=thread or f"ann/{run}", principal="ann", input=user(text))
    mine = IdempotencyClaim(principal="ann", route="/", key=run, body_hash="h", made=run, expires=99) if claim else None
    return Batch(at=1, appends=(Append(stream=run, drafts=(draft(event),)),), accept=True, claim=mine)


def say(run: str, text: str) -> Batch:
    event = ModelReplied(call="m1", model="m", message=assistant(text))
    return Batch(at=2, appends=(Append(stream=run, drafts=(draft(event),), epoch=1),))


def end(run: str) -> Batch:
    return Batch(at=3, appends=(Append(stream=run, drafts=(draft(RunFinished()),), epoch=1),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    made = SqliteJournal(path)
    await made.open()
    yield made
    await made.close()


class Gate:
    """Holds the writer's thread inside a transaction until it is opened."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._open = threading.Event()
        self._reached = threading.Event()
        self.ticket = journal._writing().call(self._stand)

    def _stand(self, ledger: Transactions) -> None:
        self._reached.set()
        assert self._open.wait(10)

    def reached(self) -> None:
        assert self._reached.wait(10)

    def open(self) -> None:
        self._open.set()


# --- the owner and the file


async def test_a_second_owner_is_told_who_has_it(journal: SqliteJournal, path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from journeyman.journal.sqlite.journal import SqliteJournal\n"
        "asyncio.run(SqliteJournal(sys.argv[1]).open())\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=30
    )
    assert "ConfigurationError" in done.stderr
    with pytest.raises(ConfigurationError, match=r"journal\.db is in use by process \d+: stop that server"):
        await SqliteJournal(path).open()


async def test_a_reader_beside_the_owner(journal: SqliteJournal, path: Path) -> None:
    await journal.commit(accept("r1"))
    reader = SqliteJournal(path, read_only=True)
    await reader.open()
    assert [row.id for row in await reader.runs(RunFilter())] == ["r1"]
    assert reader.epoch == journal.epoch
    await journal.commit(accept("r2"))
    assert await reader.run("r2") is not None
    with pytest.raises(StorageError):
        await reader.commit(accept("r3"))
    await reader.close()


async def test_a_reader_without_a_file_is_told_so(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no journal"):
        await SqliteJournal(path, read_only=True).open()
    assert not path.exists()


async def test_a_process_that_forgets_to_close_still_ends(path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from journeyman.journal.sqlite.journal import SqliteJournal\n"
        "from journeyman.journal.journal import RunFilter\n"
        "async def main():\n"
        "    journal = SqliteJournal(sys.argv[1])\n"
        "    await journal.open()\n"
        "    await journal.runs(RunFilter())\n"
        "asyncio.run(main())\n"
    )
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, str(path)], timeout=20)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("pragma", "value", "text"), [("user_version", 99, "newer release"), ("application_id", 5, "another program")]
)
async def test_a_file_of_others_is_refused(path: Path, pragma: str, value: int, text: str) -> None:
    first = SqliteJournal(path)
    await first.open()
    await first.close()
    with apsw.Connection(str(path)) as db:
        db.pragma(pragma, value)
    db.close()
    for read_only in (False, True):
        with pytest.raises(ConfigurationError, match=text):
            await SqliteJournal(path, read_only=read_only).open()


async def test_what_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, certainly" * 400)
    with pytest.raises(StorageError, match="is not a journal"):
        await SqliteJournal(path).open()
    with pytest.raises(ConfigurationError, match="choose a folder"):
        await SqliteJournal(path.parent / "missing" / "journal.db").open()


async def test_flipped_bytes_give_a_storage_error_or_nothing(path: Path) -> None:
    first = SqliteJournal(path)
    await first.open()
    for number in range(30):
        await first.commit(accept(f"r{number}", text="x" * 500))
    await first.close()
    whole = path.read_bytes()
    for number in range(25):
        spot = number * len(whole) // 25
        path.write_bytes(whole[:spot] + bytes([whole[spot] ^ 0xFF]) + whole[spot + 1 :])
        journal = SqliteJournal(path)
        try:
            await journal.open()
            await journal.runs(RunFilter(), limit=100)
            await journal.commit(accept("new"))
        except (StorageError, ConfigurationError) as exc:
            assert str(path) in str(exc)  # noqa: PT017
        finally:
            await journal.close()


def test_a_sqlite_that_corrupts_is_refused() -> None:
    for version in ("3.40.1", "3.44.5", "3.50.6", "3.51.2"):
        with pytest.raises(ConfigurationError):
            refuse_unsafe_sqlite(version)
    for version in ("3.44.6", "3.50.7", "3.51.3", "3.54.1"):
        refuse_unsafe_sqlite(version)


# --- the queue


async def test_accepts_are_refused_when_full_and_results_wait(path: Path) -> None:
    journal = SqliteJournal(path, max_queue=3)
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
    gate.open()
    assert (await result).entries
    assert [bool((await ticket).entries) for ticket in waiting] == [True, True]
    await journal.commit(accept("r3"))
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
    assert len(await journal.open_runs()) == 20
    await journal.close()


# --- faults


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


async def limit(journal: SqliteJournal, pages: int) -> int:
    db = journal._writing()._db
    now: Any = await journal._writing().call(lambda ledger: db.pragma("page_count"))
    await journal._writing().call(lambda ledger: db.pragma("max_page_count", pages))
    return int(now)


class BrokenDisk(apsw.VFS):
    """Syncs fail once `broken` is set."""

    def __init__(self) -> None:
        self.broken = False
        super().__init__("broken", "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return BrokenFile(self, name, flags)


class BrokenFile(apsw.VFSFile):
    def __init__(self, disk: BrokenDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xSync(self, flags: int) -> None:
        if self._disk.broken:
            raise apsw.IOError("the disk does not answer")
        super().xSync(flags)


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


async def test_a_batch_that_breaks_the_ledger_takes_nobody_along(journal: SqliteJournal) -> None:
    def broken(ledger: Transactions) -> None:
        ledger.write(say("nobody", "x"))

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


# --- rows and erasure


async def test_rows_outlive_the_working_copies(path: Path) -> None:
    for boot in range(1, 4):
        journal = SqliteJournal(path)
        await journal.open()
        assert journal.epoch == boot
        await journal.commit(accept(f"r{boot}", thread="ann/t"))
        if boot == 2:
            note = MessageAdded(message=user("note"))
            await journal.commit(Batch(at=5, appends=(Append(stream=thread_stream("ann/t"), drafts=(draft(note),)),)))
        await journal.close()
    journal = SqliteJournal(path)
    await journal.open()
    assert await journal.queued("ann/t") == 2
    done = await journal.commit(end("r1"))
    assert [(entry.stream, entry.type) for entry in done.entries] == [("r1", "run_finished"), ("r2", "run_started")]
    assert [row.message.text for row in await journal.messages("ann/t", 1, 9)] == ["hi", "note", "hi"]
    await journal.close()
    with apsw.Connection(str(path)) as db:
        assert list(differences(db)) == []
    db.close()


async def test_nothing_of_an_erased_thread_is_left_on_the_disk(journal: SqliteJournal, path: Path) -> None:
    secret = "the-quick-brown-secret"
    await journal.commit(accept("r1", thread="ann/t", text=secret, claim=True))
    for number in range(300):
        await journal.commit(say("r1", f"{secret} {number}" * 10))
    await journal.commit(end("r1"))
    assert await journal.erase_thread("ann/t", 9, "ann")
    for file in path.parent.iterdir():
        assert secret.encode() not in file.read_bytes(), file
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    for table in ("runs", "threads", "messages", "pending", "approvals", "claims"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    assert list(db.execute("SELECT stream, type FROM event_log")) == [("principal:ann", "thread_erased")]
    db.close()


async def test_an_interrupted_erasure_is_finished_at_the_next_start(journal: SqliteJournal) -> None:
    await journal.commit(accept("r1", thread="ann/t"))
    await journal.commit(end("r1"))
    await journal._writing().call(lambda ledger: ledger.begin_erasure("ann/t", 9, "ann"))
    assert await journal.thread("ann/t") is None
    await journal.close()
    await journal.open()
    assert await journal.run("r1") is None
    assert await journal.read("r1") == []
    assert (await journal.commit(accept("r2", thread="ann/t"))).entries


async def test_the_file_is_its_owners_alone(journal: SqliteJournal, path: Path) -> None:
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


async def test_a_file_of_the_first_schema_is_brought_up_to_date_with_its_claims(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old = apsw.Connection(str(path))
    old.execute(migrations()[0])
    old.pragma("application_id", APPLICATION_ID)
    old.pragma("user_version", 1)
    old.execute("INSERT INTO claims VALUES ('ann', '/process', 'k', 'h', 'run_1', 99)")
    old.close()
    journal = SqliteJournal(path)
    await journal.open()
    claim = await journal.claim("ann", "/process", "k")
    await journal.close()
    assert claim == IdempotencyClaim(
        principal="ann", route="/process", key="k", body_hash="h", expires=99, made="run_1"
    )


def test_migrations_are_numbered_from_one_without_gap_or_twin() -> None:
    folder = files("journeyman.journal.sqlite") / "sql"
    numbers = sorted(int(item.name[:4]) for item in folder.iterdir() if item.name[:4].isdigit())
    assert numbers == list(range(1, len(migrations()) + 1))
