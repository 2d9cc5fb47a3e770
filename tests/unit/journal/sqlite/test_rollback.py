"""A journal that is older than what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from journeyman.errors import StorageError
from journeyman.journal.journal import ApiKeyRow, Batch
from journeyman.journal.sqlite.backup import back_up
from journeyman.journal.sqlite.commit_note import CommitNote
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.rollback import ANY_ROLLBACK
from tests.harness.sqlite_batches import accept, end

KEY = ApiKeyRow(id="k", name="n", principal="ann", hash="h", scopes=(), created_at=1)


async def _use(path: Path, *batches: Batch, accept_rollback: int | None = None) -> int:
    journal = SqliteJournal(path, accept_rollback=accept_rollback)
    await journal.open()
    for batch in batches:
        await journal.commit(batch)
    await journal.close()
    return journal.epoch


async def _killed(path: Path, batch: Batch, lose: Callable[[Path], None]) -> None:
    """Leave the files of a process that was killed after it acknowledged `batch`, then lose what `lose` loses."""
    journal = SqliteJournal(path)
    await journal.open()
    await journal.commit(batch)
    files = {file: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm")}
    await journal.close()
    for file, data in files.items():
        file.write_bytes(data)
    lose(path.with_name(f"{path.name}-wal"))


def _cut(log: Path) -> None:
    log.write_bytes(log.read_bytes()[:-4096])


def _cut_half(log: Path) -> None:
    data = log.read_bytes()
    log.write_bytes(data[: len(data) // 2])


def _keep(log: Path) -> None:
    pass


LOSSES = (Path.unlink, _cut, _cut_half, lambda log: log.write_bytes(b""))


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("batch", [accept("r2"), Batch(at=1, appends=(), api_keys=(KEY,))], ids=["events", "a key"])
async def test_a_lost_tail_of_the_log_is_noticed(batch: Batch, lose: Callable[[Path], None], path: Path) -> None:
    await _use(path, accept("r1"))
    await _killed(path, batch, lose)
    for _ in range(2):
        with pytest.raises(StorageError, match="--accept-rollback or ACCEPT_ROLLBACK=2") as refused:
            await _use(path)
        assert refused.value.code == "journal_rolled_back"


async def test_a_killed_process_has_lost_nothing(path: Path) -> None:
    await _use(path, accept("r1"))
    await _killed(path, accept("r2"), _keep)
    assert await _use(path) == 3


async def test_a_loss_is_accepted_once(path: Path) -> None:
    await _use(path, accept("r1"))
    await _killed(path, accept("r2"), Path.unlink)
    with pytest.raises(StorageError):
        await _use(path, accept_rollback=1)
    assert await _use(path, accept("r2"), accept_rollback=2) == 3
    assert await _use(path) == 4
    await _killed(path, accept("r3"), Path.unlink)
    with pytest.raises(StorageError, match="ACCEPT_ROLLBACK=5"):
        await _use(path, accept_rollback=2)
    assert await _use(path, accept_rollback=ANY_ROLLBACK) == 6


async def test_an_older_copy_in_its_place_is_noticed(path: Path) -> None:
    await _use(path, accept("r1"))
    copy = path.with_name("copy.db")
    back_up(path, copy)
    await _use(path, accept("r2"))
    copy.replace(path)
    with pytest.raises(StorageError, match="ends with event 2, but event 4 was committed"):
        await _use(path)


async def test_what_is_no_loss(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A newer copy, an erased thread, a note that an earlier release did not write, and a file that was removed."""
    await _use(path, accept("r1"), accept("r2"), end("r1"))
    journal = SqliteJournal(path)
    await journal.open()
    assert await journal.erase_thread("ann/r1", 9, "ann")
    await journal.close()
    await _use(path)
    note = CommitNote(path).path
    kept = note.read_bytes()
    await _use(path, accept("r3"))
    note.write_bytes(kept)
    await _use(path)
    note.unlink()
    await _use(path)
    path.unlink()
    assert await _use(path) == 1
    assert "a new journal begins" in caplog.text


async def test_a_new_journal_has_its_schema_in_the_file_itself(path: Path) -> None:
    """Else a lost log would leave a file that looks like a new journal."""
    journal = SqliteJournal(path)
    await journal.open()
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    await journal.close()
    db = apsw.Connection(str(copy))
    assert db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone() == (1,)
    db.close()
