"""What is checked around each group commit: no other program writes to the journal, and its file is still there."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import apsw

from journeyman.errors import JournalLostError
from journeyman.journal.sqlite.commit_note import CommitNote, Position, read_position
from journeyman.journal.sqlite.file_identity import FileIdentity
from journeyman.journal.sqlite.statements import Q

logger = logging.getLogger(__name__)


class CommitGuard:
    """Used by the writer thread. It notes each commit, and finds what would make a commit worthless."""

    def __init__(self, db: apsw.Connection, path: Path, watch: FileIdentity, note: CommitNote) -> None:
        self._db = db
        self._path = path
        self._watch = watch
        self._note = note
        self._position = read_position(db)
        self._version = db.data_version()
        self._links = watch.links
        self._other_program = False

    def is_foreign(self) -> bool:
        """Return whether another program has changed the file since the last commit: nothing kept in memory is valid.

        Called at the beginning of a transaction. Raises JournalLostError if it has changed the journal itself.
        """
        if self._db.data_version() == self._version:
            return False
        self._version = self._db.data_version()
        if read_position(self._db) != self._position:
            raise JournalLostError(
                f"Another program has written events to {self._path} while this server had it open. Find out which one "
                "(`fuser -v` names it), stop it, check the journal with `journeyman db verify`, and restart.",
            )
        if not self._other_program:
            self._other_program = True
            logger.warning("another program writes to %s: only this server may do that", self._path)
        return True

    def count(self, last_event: int) -> Position:
        """Return where the journal ends with this transaction. Called before its COMMIT.

        `last_event` is the number of the newest event, 0 if the transaction adds none: then it is counted by itself.
        """
        at = self._position
        if last_event:
            return Position(at.epoch, last_event, at.changes)
        changes: Any = self._db.execute(Q["count_change"]).fetchone()
        return Position(at.epoch, at.event, changes[0])

    def committed(self, position: Position) -> None:
        """Note a commit. Raises JournalLostError if it was written to a file that has lost its name."""
        self._position, self._version = position, self._db.data_version()
        self._note.write(position)
        self.look()

    def look(self) -> None:
        """Look at the file. Raises JournalLostError if it was removed or replaced."""
        difference = self._watch.difference()
        if difference is not None:
            raise difference
        if self._watch.links > self._links:
            logger.warning("%s has a new hard link: never write to it under another name", self._path)
        self._links = self._watch.links
