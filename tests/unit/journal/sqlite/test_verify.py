"""A journal is whole, or the line that says what is wrong names the place."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from journeyman.errors import ConfigurationError, StorageError
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import verify_journal
from tests.harness.sqlite_batches import accept, end

DAMAGES = {
    "UPDATE runs SET status = 'failed'": "run r1: the events say",
    "UPDATE threads SET window_from = 7": "thread ann/r1: the events say",
    "UPDATE events SET seq = 9 WHERE seq = 2": "stream r1: event 9 follows 1",
    "UPDATE events SET type = 'nonsense' WHERE seq = 2": "run r1: ",
}


@pytest.mark.parametrize("damage", list(DAMAGES))
async def test_a_row_or_an_event_that_does_not_fit_is_named(damage: str, journal: SqliteJournal, path: Path) -> None:
    await journal.commit(accept("r1"))
    await journal.commit(end("r1"))
    await journal.close()
    assert verify_journal(path, 10) == []
    db = apsw.Connection(str(path))
    db.execute(damage)
    db.close()
    assert any(line.startswith(DAMAGES[damage]) for line in verify_journal(path, 10)), verify_journal(path, 10)


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises((ConfigurationError, StorageError)):
        verify_journal(tmp_path / "nothing.db", 10)
