"""A backup in the place of the journal."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from journeyman.errors import ConfigurationError, StorageError
from journeyman.journal.journal import RunFilter
from journeyman.journal.sqlite.backup import back_up
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.restore import restore
from journeyman.journal.sqlite.statements import migrations
from journeyman.journal.sqlite.verify import verify_journal
from tests.harness.sqlite_batches import accept
from tests.unit.journal.sqlite.test_rollback import _keep, _killed, _use


async def _runs(path: Path) -> list[str]:
    journal = SqliteJournal(path)
    await journal.open()
    found = [row.id for row in await journal.runs(RunFilter())]
    await journal.close()
    return found


async def test_a_restored_backup_is_the_journal(path: Path) -> None:
    await _use(path, accept("r1"))
    copy = path.with_name("copy.db")
    back_up(path, copy)
    before = copy.read_bytes()
    await _killed(path, accept("r2"), _keep)
    kept = restore(copy, path)
    assert kept == path.with_name("journal.db.replaced")
    assert copy.read_bytes() == before
    assert await _runs(path) == ["r1"]
    assert await _use(path, accept("r3")) == 4, "epochs go on behind those of the replaced journal"
    assert await _runs(kept) == ["r2", "r1"], "with the log that was beside it"
    assert restore(copy, path) == path.with_name("journal.db.replaced2")
    assert await _runs(path) == ["r1"]
    assert not list(path.parent.glob("*.partial*"))
    assert path.stat().st_mode & 0o077 == 0


async def test_a_backup_is_restored_where_no_journal_is(path: Path) -> None:
    await _use(path, accept("r1"))
    new = path.with_name("new.db")
    assert restore(path, new) is None
    assert await _runs(new) == ["r1"]
    assert verify_journal(new, 10) == []


async def test_a_lone_log_is_set_aside(path: Path) -> None:
    await _use(path, accept("r1"))
    copy = path.with_name("copy.db")
    back_up(path, copy)
    await _killed(path, accept("r2"), _keep)
    path.unlink()
    with pytest.raises(ConfigurationError, match="db restore FILE"):
        await _runs(path)
    assert restore(copy, path) is not None
    assert await _runs(path) == ["r1"]


async def test_a_journal_in_use_is_not_replaced(journal: SqliteJournal, path: Path) -> None:
    await journal.commit(accept("r1"))
    copy = path.with_name("copy.db")
    back_up(path, copy)
    with pytest.raises(ConfigurationError, match="is in use by this process"):
        restore(copy, path)
    assert (await journal.commit(accept("r2"))).entries


async def test_what_is_no_journal_replaces_nothing(path: Path) -> None:
    await _use(path, accept("r1"))
    other = path.with_name("other.db")
    with pytest.raises(ConfigurationError, match="There is no file"):
        restore(other, path)
    with pytest.raises(ConfigurationError, match="the journal itself"):
        restore(path, path)
    other.write_bytes(b"not a database, certainly" * 400)
    with pytest.raises(StorageError, match=r"other\.db is not a journal"):
        restore(other, path)
    assert await _runs(path) == ["r1"]
    assert not [file for word in ("partial", "replaced") for file in path.parent.glob(f"*{word}*")]


async def test_a_backup_of_an_earlier_release_is_migrated_by_the_start(path: Path) -> None:
    old = path.with_name("old.db")
    db = apsw.Connection(str(old))
    for script in migrations()[:10]:
        db.execute(script)
    db.pragma("application_id", 0x4A4F5552)
    db.pragma("user_version", 10)
    db.execute("INSERT INTO meta VALUES ('epoch', 5)")
    db.close()
    restore(old, path)
    assert await _use(path, accept("r1")) == 6
    assert old.stat().st_size > 0
