"""The bytes of files are a part of a backup, and a verification finds what is missing or changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import apsw
import pytest

from journeyman.errors import ConfigurationError
from journeyman.events.codec import Codec
from journeyman.events.events import RunAccepted, RunFinished
from journeyman.events.messages import FilePart, Message
from journeyman.journal.journal import Append, Batch, FileRow
from journeyman.journal.sqlite.backup import back_up
from journeyman.journal.sqlite.file_bytes import copy_files, files_folder
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.restore import restore
from journeyman.journal.sqlite.verify import verify_journal

draft = Codec().draft


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A closed journal with the files f1, which a thread names, and f2."""
    path = tmp_path / "j.db"
    journal = SqliteJournal(path)
    await journal.open()
    files_folder(path).mkdir()
    rows = [_stored(path, "f1", b"one"), _stored(path, "f2", b"two" * 5000)]
    await journal.commit(Batch(at=1, appends=(), files=tuple(rows), most_file_bytes=10**6))
    message = Message(role="user", content=(FilePart(file="f1"),))
    accepted = RunAccepted(thread="ann/t", principal="ann", input=message)
    await journal.commit(Batch(at=1, appends=(Append(stream="r", drafts=(draft(accepted),)),)))
    await journal.commit(Batch(at=1, appends=(Append(stream="r", drafts=(draft(RunFinished()),), epoch=1),)))
    await journal.close()
    return path


def _stored(path: Path, id: str, data: bytes) -> FileRow:
    (files_folder(path) / id).write_bytes(data)
    return FileRow(
        id=id,
        principal="ann",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        media_type="text/plain",
        name="",
        added_at=1,
        unused_since=1,
    )


def test_a_backup_has_the_files_and_verifies(path: Path, tmp_path: Path) -> None:
    size = back_up(path, tmp_path / "copy.db")
    assert size == (tmp_path / "copy.db").stat().st_size + 3 + 15_000
    copied = {file.name: file.read_bytes() for file in files_folder(tmp_path / "copy.db").iterdir()}
    assert copied == {"f1": b"one", "f2": b"two" * 5000}
    assert files_folder(tmp_path / "copy.db").stat().st_mode & 0o777 == 0o700
    assert verify_journal(tmp_path / "copy.db", 10) == []
    assert sorted(each.name for each in tmp_path.iterdir() if "partial" in each.name) == []


def test_a_backup_without_files_makes_no_folder(path: Path, tmp_path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("DELETE FROM files; DELETE FROM file_references; DELETE FROM file_space")
    db.close()
    back_up(path, tmp_path / "copy.db")
    assert not files_folder(tmp_path / "copy.db").exists()


def test_a_backup_keeps_a_folder_that_is_there(path: Path, tmp_path: Path) -> None:
    files_folder(tmp_path / "copy.db").mkdir()
    with pytest.raises(ConfigurationError, match=r"copy\.db\.files already exists"):
        back_up(path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_bytes_that_no_row_names_are_not_copied(path: Path, tmp_path: Path) -> None:
    (files_folder(path) / "f3").write_bytes(b"an upload in progress")
    back_up(path, tmp_path / "copy.db")
    assert sorted(file.name for file in files_folder(tmp_path / "copy.db").iterdir()) == ["f1", "f2"]


def test_a_file_that_is_deleted_during_a_backup_is_left_out(path: Path, tmp_path: Path) -> None:
    copy_files(["f1", "f2", "gone"], files_folder(path), tmp_path / "target")
    copy_files(["f1", "gone"], files_folder(path), tmp_path / "target")
    assert [file.name for file in (tmp_path / "target").iterdir()] == ["f1"], "what is erased meanwhile is dropped"


def test_a_restore_brings_the_files_back_and_keeps_those_that_were_there(path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    (files_folder(path) / "f2").unlink()
    kept = restore(tmp_path / "copy.db", path)
    assert kept is not None
    assert sorted(file.name for file in files_folder(path).iterdir()) == ["f1", "f2"]
    assert [file.name for file in files_folder(kept).iterdir()] == ["f1"]
    assert verify_journal(path, 10) == []


@pytest.mark.parametrize(
    ("data", "damage"),
    [
        (None, "file f1: its bytes are not in "),
        (b"ONE", "file f1: its bytes are not those that were stored"),
        (b"one more", "file f1: its bytes are not those that were stored"),
    ],
)
def test_missing_and_changed_bytes_are_damages(path: Path, data: bytes | None, damage: str) -> None:
    assert verify_journal(path, 10) == []
    (files_folder(path) / "f1").unlink()
    if data is not None:
        (files_folder(path) / "f1").write_bytes(data)
    (found,) = verify_journal(path, 10)
    assert found.startswith(damage)


@pytest.mark.parametrize(
    ("change", "damage"),
    [
        ("UPDATE file_space SET bytes = bytes + 1", "files of ann: they take 19096 bytes, the row says 19097"),
        ("DELETE FROM file_references", "file reference ann/t f1: the events make it, but there is no such row"),
    ],
)
def test_rows_that_differ_are_damages(path: Path, change: str, damage: str) -> None:
    db = apsw.Connection(str(path))
    db.execute(change)
    db.close()
    assert verify_journal(path, 10) == [damage]
