"""The note of the last commit, in a small file beside the journal.

It is written after a commit was flushed, and is not flushed itself: a process that is killed leaves it complete, and a
power cut may leave an older one. So a journal whose last commit is before its note has lost commits that were
acknowledged: its write-ahead log was cut or removed, or an older copy was put in its place.
"""

from __future__ import annotations

import logging
import os
import zlib
from pathlib import Path
from typing import Any

import apsw
import msgspec

from journeyman.journal.sqlite.statements import Q

SIZE = 96  # bytes, with spaces at the end, so that a shorter note leaves nothing of a longer one

logger = logging.getLogger(__name__)


class Position(msgspec.Struct, frozen=True):
    """Where a journal ends: its epoch, the number of its last event, and its commits without an event. None falls."""

    epoch: int
    event: int
    changes: int

    def is_before(self, other: Position) -> bool:
        """Return whether something of `other` is missing here."""
        return self.epoch < other.epoch or self.event < other.event or self.changes < other.changes


def read_position(db: apsw.Connection) -> Position:
    """Return where the journal ends."""
    row: Any = db.execute(Q["position"]).fetchone()
    return Position(*row)


class CommitNote:
    """The file `<journal>.commit`. If it cannot be written, that is logged once and nothing stops."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(f"{journal.name}.commit")
        self._fd: int | None = None

    def open(self) -> None:
        """Open the file for writing."""
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            self._give_up(exc)

    def read(self) -> Position | None:
        """Return what the note says, or None if there is none that can be read."""
        try:
            epoch, event, changes, checksum = map(int, self.path.read_bytes()[:SIZE].split())
        except (OSError, ValueError):
            return None
        return Position(epoch, event, changes) if checksum == zlib.crc32(_text(epoch, event, changes)) else None

    def write(self, at: Position) -> None:
        """Replace the note."""
        if self._fd is None:
            return
        text = _text(at.epoch, at.event, at.changes)
        try:
            os.pwrite(self._fd, (text + b"%d" % zlib.crc32(text)).ljust(SIZE), 0)
        except OSError as exc:
            self._give_up(exc)

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _give_up(self, exc: OSError) -> None:
        logger.warning(
            "%s cannot be written (%s): a loss of the last commits will not be noticed", self.path, exc.strerror
        )
        self.close()


def _text(epoch: int, event: int, changes: int) -> bytes:
    return b"%d %d %d " % (epoch, event, changes)
