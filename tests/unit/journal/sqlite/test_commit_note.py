"""The note of the last commit, beside the journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.journal.sqlite.commit_note import SIZE, CommitNote, Position

NUMBERS = st.integers(0, 2**62)
POSITIONS = st.builds(Position, NUMBERS, NUMBERS, NUMBERS)


@pytest.fixture
def note(path: Path) -> CommitNote:
    made = CommitNote(path)
    made.open()
    return made


def test_the_last_note_counts(note: CommitNote, path: Path) -> None:
    assert note.read() is None
    note.write(Position(10**12, 10**15, 10**9))
    note.write(Position(1, 2, 3))
    note.close()
    note.close()
    assert CommitNote(path).read() == Position(1, 2, 3)
    assert note.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", [b"", b"1 2 3", b"1 2 3 4", b"x", b"\xff" * 96, b" " * 96])
def test_a_note_that_was_cut_or_damaged_says_nothing(text: bytes, note: CommitNote) -> None:
    note.path.write_bytes(text)
    assert note.read() is None


@given(POSITIONS, POSITIONS)
def test_a_journal_is_before_another_if_any_number_is_smaller(one: Position, other: Position) -> None:
    assert not one.is_before(one)
    assert one.is_before(other) or other.is_before(one) or one == other
    assert len(f"{one.epoch} {one.event} {one.changes} {2**32}") < SIZE


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    note = CommitNote(tmp_path / "missing" / "journal.db")
    note.open()
    note.write(Position(1, 2, 3))
    assert note.read() is None
    assert len(caplog.records) == 1
