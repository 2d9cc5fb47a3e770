"""Files that appear when they are complete."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from journeyman.errors import ConfigurationError, StorageError
from journeyman.journal.sqlite.file_lock import lock_byte
from journeyman.journal.sqlite.partial_file import PartialFile, sync_file


def test_it_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    with PartialFile(target) as partial:
        partial.path.write_text("new")
        sync_file(partial.path)
        assert not target.exists()
        partial.add()
    assert target.read_text() == "new"
    assert target.stat().st_nlink == 1
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_is_overwritten_unless_that_is_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    with PartialFile(target) as partial:
        target.write_text("mine")
        with pytest.raises(ConfigurationError, match=r"copy\.db already exists"):
            partial.add()
    assert target.read_text() == "mine"
    with PartialFile(target) as partial:
        partial.path.write_text("new")
        partial.replace()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_left_overs_are_removed_and_files_in_the_making_are_not(tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    left = tmp_path / "copy.db.0123.partial"
    beside = tmp_path / "copy.db.0123.partial-journal"
    other = tmp_path / "other.db.0123.partial"
    for file in (left, beside, other):
        file.write_text("left")
    with PartialFile(target) as first, PartialFile(target) as second:
        assert first.path != second.path
        assert first.path.exists()
        assert second.path.exists()
    assert list(tmp_path.iterdir()) == [other]


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no/copy\.db cannot be written"), PartialFile(tmp_path / "no" / "copy.db"):
        pass


def test_files_that_are_made_at_once_do_not_remove_one_another(tmp_path: Path) -> None:
    """A file is new for a moment before it is locked, and another maker may look at it then."""
    target, lost = tmp_path / "copy.db", list[object]()

    def make_some() -> None:
        for _ in range(100):
            try:
                with PartialFile(target) as partial:
                    partial.path.write_bytes(b"x")
                    if len(list(tmp_path.glob(partial.path.name))) != 1:
                        lost.append(partial.path)
                    with partial.path.open("rb+") as file, pytest.raises(BlockingIOError):
                        lock_byte(file.fileno())
            except (StorageError, pytest.fail.Exception) as exc:
                lost.append(exc)

    makers = [threading.Thread(target=make_some) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(30)
    assert lost == []
    assert list(tmp_path.iterdir()) == []
