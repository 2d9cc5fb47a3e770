"""The SQLite journal beyond the port: readers beside the owner, damaged files, stored rows and erasure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from journeyman.errors import ConfigurationError, StorageError
from journeyman.events.events import MessageAdded
from journeyman.events.messages import user
from journeyman.events.streams import thread_stream
from journeyman.journal.journal import Append, Batch, RunFilter
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import differences
from tests.harness.sqlite_batches import accept, draft, end, say


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
    assert [row.id for row in await journal.runs(RunFilter(status="queued"))] == ["r3", "r2"]
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
    await journal._writing().call(lambda transactions: transactions.begin_erasure("ann/t", 9, "ann"))
    assert await journal.thread("ann/t") is None
    await journal.close()
    await journal.open()
    assert await journal.run("r1") is None
    assert await journal.read("r1") == []
    assert (await journal.commit(accept("r2", thread="ann/t"))).entries
