"""A journal's file that is removed or replaced while it is open."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from journeyman.errors import JournalLostError, StorageError
from journeyman.journal.sqlite.file_identity import SECOND_LOOK_SECONDS, FileIdentity
from journeyman.journal.sqlite.journal import SqliteJournal
from tests.harness.sqlite_batches import accept, say


def _remove(path: Path) -> None:
    path.unlink()


def _remove_all(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def _rename(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def _copy_over(path: Path) -> None:
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    copy.replace(path)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _remove_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def _replace_log(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    copy = log.with_name("copy-wal")
    shutil.copy(log, copy)
    copy.replace(log)


LOSSES = {
    _remove: "journal.db was removed",
    _remove_all: "journal.db was removed",
    _rename: "journal.db was removed",
    _copy_over: "journal.db was replaced",
    _empty: "journal.db was cut or overwritten",
    _remove_log: "journal.db-wal was removed",
    _replace_log: "journal.db-wal was replaced",
}


@pytest.fixture
async def idle(path: Path) -> AsyncIterator[SqliteJournal]:
    """A journal that looks at its file all the time."""
    made = SqliteJournal(path, idle_seconds=0.001)
    await made.open()
    yield made
    await made.close()


@pytest.mark.parametrize("lose", list(LOSSES))
async def test_what_is_committed_to_a_lost_file_is_not_acknowledged(
    lose: Callable[[Path], None], journal: SqliteJournal, path: Path
) -> None:
    await journal.commit(accept("r1"))
    lose(path)
    with pytest.raises(JournalLostError, match=LOSSES[lose]):
        await journal.commit(say("r1", "on"))
    assert not journal.healthy
    with pytest.raises(JournalLostError):
        await journal.commit(accept("r2"))


@pytest.mark.parametrize("lose", list(LOSSES))
async def test_an_idle_journal_notices_the_loss_by_itself(
    lose: Callable[[Path], None], idle: SqliteJournal, path: Path
) -> None:
    await idle.commit(accept("r1"))
    lose(path)
    async with asyncio.timeout(20):
        while idle.healthy:
            await asyncio.sleep(0)
    assert LOSSES[lose] in str(idle.trouble)


async def test_a_repeated_request_is_not_answered_from_a_lost_file(journal: SqliteJournal, path: Path) -> None:
    await journal.commit(accept("r1", claim=True))
    assert (await journal.commit(accept("r1", claim=True))).replay == "r1"
    path.unlink()
    with pytest.raises(JournalLostError):
        await journal.commit(accept("r1", claim=True))


async def test_an_idle_journal_that_nobody_touches_stays_healthy(idle: SqliteJournal, path: Path) -> None:
    for number in range(20):
        await idle.commit(accept(f"r{number}"))
    reader = SqliteJournal(path, read_only=True)
    await reader.open()
    await reader.close()
    path.with_name("link.db").hardlink_to(path)
    assert (await idle.commit(accept("r"))).entries
    assert idle.healthy


async def test_a_new_hard_link_is_a_warning(
    journal: SqliteJournal, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await journal.commit(accept("r1"))
    path.with_name("link.db").hardlink_to(path)
    for number in range(3):
        await journal.commit(accept(f"more{number}"))
    assert [record.message for record in caplog.records].count(
        f"{path} has a new hard link: never write to it under another name"
    ) == 1


def test_a_shared_file_system_is_asked_twice(path: Path) -> None:
    path.write_bytes(b"x" * 100)
    hidden = path.with_name("hidden")
    path.rename(hidden)
    hidden.rename(path)
    waited: list[float] = []

    def come_back(seconds: float) -> None:
        waited.append(seconds)
        hidden.rename(path)

    watch = FileIdentity(path, shared=True, pause=come_back)
    assert watch.difference() is None
    path.rename(hidden)
    assert watch.difference() is None
    assert waited == [SECOND_LOOK_SECONDS]
    gone = FileIdentity(path, shared=True, pause=waited.append)
    path.unlink()
    assert isinstance(gone.difference(), StorageError)
    assert waited == [SECOND_LOOK_SECONDS] * 2
