from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from journeyman.errors import ConfigurationError, StorageError
from journeyman.journal.journal import IdempotencyClaim
from journeyman.journal.sqlite.connection import APPLICATION_ID, refuse_unsafe_sqlite
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.statements import migrations


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


def test_a_sqlite_that_corrupts_is_refused() -> None:
    for version in ("3.40.1", "3.44.5", "3.50.6", "3.51.2"):
        with pytest.raises(ConfigurationError):
            refuse_unsafe_sqlite(version)
    for version in ("3.44.6", "3.50.7", "3.51.3", "3.54.1"):
        refuse_unsafe_sqlite(version)


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
