"""A copy of a journal, made beside its owner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.backup import back_up
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import verify_journal
from tests.harness.sqlite_batches import accept


async def test_a_copy_holds_what_was_acknowledged(journal: SqliteJournal, path: Path, tmp_path: Path) -> None:
    await journal.commit(accept("r1"))
    told: list[float] = []
    target = tmp_path / "copy.db"
    assert back_up(path, target, told.append) == target.stat().st_size > 0
    assert (told[-1], verify_journal(target, 10)) == (1.0, [])
    copy = SqliteJournal(target)
    await copy.open()
    assert (await copy.run("r1")) is not None
    await copy.close()


async def test_a_copy_is_readable_by_its_owner_alone(journal: SqliteJournal, path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("there", [False, True])
def test_without_a_source_or_over_a_file_nothing_is_written(there: bool, tmp_path: Path) -> None:
    source: Any = tmp_path / "journal.db"
    target = tmp_path / "copy.db"
    if there:
        source.write_bytes(b"")
        target.write_text("mine")
    with pytest.raises(ConfigurationError):
        back_up(source, target)
    assert target.exists() is there
    assert not list(tmp_path.glob("*.partial*"))
