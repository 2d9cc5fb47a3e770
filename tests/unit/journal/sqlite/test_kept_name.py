"""A journal with hard links goes on only under the name that it was last written by."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.journal import SqliteJournal
from tests.harness.sqlite_batches import accept


async def _use(path: Path, run: str) -> None:
    journal = SqliteJournal(path)
    await journal.open()
    await journal.commit(accept(run))
    await journal.close()


async def test_another_name_of_a_journal_is_refused(path: Path) -> None:
    await _use(path, "r1")
    other = path.with_name("other % name?.db")
    other.hardlink_to(path)
    with pytest.raises(ConfigurationError, match=f"is a hard link to the journal {path}"):
        await SqliteJournal(other).open()
    assert not list(path.parent.glob("other*-*")), "nothing is made beside the other name"


async def test_another_name_is_refused_while_the_first_was_killed(path: Path) -> None:
    """What was committed is in the log of the first name only, but the name is in the file itself."""
    journal = SqliteJournal(path)
    await journal.open()
    await journal.commit(accept("r1"))
    other = path.with_name("other.db")
    other.write_bytes(path.read_bytes())
    (path.parent / "third.db").hardlink_to(other)
    with pytest.raises(ConfigurationError, match=r"is a hard link to the journal .*/journal\.db"):
        await SqliteJournal(other).open()
    await journal.close()


async def test_its_own_name_goes_on_with_a_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await _use(path, "r1")
    path.with_name("backup.db").hardlink_to(path)
    await _use(path, "r2")
    assert "has 2 hard links" in caplog.text


async def test_a_moved_journal_keeps_its_new_name(path: Path) -> None:
    await _use(path, "r1")
    moved = path.with_name("moved.db")
    path.rename(moved)
    await _use(moved, "r2")
    path.hardlink_to(moved)
    with pytest.raises(ConfigurationError):
        await SqliteJournal(path).open()
    await _use(moved, "r3")


async def test_a_journal_of_an_earlier_release_keeps_no_name(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await _use(path, "r1")
    db = apsw.Connection(str(path))
    db.execute("DELETE FROM file")
    db.close()
    other = path.with_name("other.db")
    other.hardlink_to(path)
    await _use(other, "r2")
    assert "hard links" in caplog.text
