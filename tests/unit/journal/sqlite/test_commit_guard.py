"""What the writer checks around each commit: another writer, and what passes for one."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from journeyman.errors import JournalLostError
from journeyman.journal.journal import ApiKeyRow, Batch
from journeyman.journal.sqlite.commit_note import CommitNote, Position
from journeyman.journal.sqlite.journal import SqliteJournal
from tests.harness.sqlite_batches import accept, end, say

KEY = ApiKeyRow(id="k", name="n", principal="ann", hash="h", scopes=(), created_at=1)


def other(path: Path, *statements: str) -> None:
    db = apsw.Connection(str(path))
    for statement in statements:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO events (stream, seq, type, v, at, data) SELECT stream, 99, type, v, at, data FROM events LIMIT 1",
        "DELETE FROM events WHERE id = (SELECT max(id) FROM events)",
        "UPDATE meta SET value = value + 1 WHERE key = 'epoch'",
    ],
)
async def test_a_foreign_writer_is_named(statement: str, journal: SqliteJournal, path: Path) -> None:
    await journal.commit(accept("r1"))
    other(path, statement)
    with pytest.raises(JournalLostError, match="Another program has written"):
        await journal.commit(accept("r2"))
    assert not journal.healthy


async def test_a_foreign_table_or_checkpoint_is_a_warning(
    journal: SqliteJournal, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await journal.commit(accept("r1"))
    other(path, "CREATE TABLE theirs (x)", "INSERT INTO theirs VALUES (1)")
    assert (await journal.commit(say("r1", "on"))).entries
    other(path, "INSERT INTO theirs VALUES (2)", "PRAGMA wal_checkpoint(TRUNCATE)")
    assert (await journal.commit(end("r1"))).entries
    assert caplog.text.count("another program writes") == 1
    assert journal.healthy


async def test_rows_that_another_program_changed_are_read_again(journal: SqliteJournal, path: Path) -> None:
    await journal.commit(accept("r1"))
    other(path, "UPDATE runs SET request_id = 'x'")
    await journal.commit(say("r1", "on"))
    row = await journal.run("r1")
    assert row is not None
    assert (row.request_id, row.last_seq) == ("x", 3)


async def test_the_note_follows_every_commit(journal: SqliteJournal, path: Path) -> None:
    note = CommitNote(path)
    assert note.read() == Position(1, 0, 0)
    await journal.commit(accept("r1"))
    assert note.read() == Position(1, 2, 0)
    await journal.commit(Batch(at=1, appends=(), api_keys=(KEY,)))
    assert note.read() == Position(1, 2, 1)
    await journal.commit(end("r1"))
    assert note.read() == Position(1, 3, 1)
    await journal.erase_thread("ann/r1", 9, "ann")
    found = note.read()
    assert found is not None
    assert found.event > 3
    await journal.close()
    await journal.open()
    after = note.read()
    assert after is not None
    assert (after.epoch, after.is_before(found)) == (2, False)
