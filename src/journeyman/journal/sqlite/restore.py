"""Puts a copy in the place of a journal. What was there before is kept under another name."""

from __future__ import annotations

import itertools
from pathlib import Path

import apsw

from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.backup import Progress, copy_journal
from journeyman.journal.sqlite.commit_note import CommitNote, read_position
from journeyman.journal.sqlite.connection import schema_of
from journeyman.journal.sqlite.file_lock import FileLock, real_path
from journeyman.journal.sqlite.partial_file import PartialFile, sync_file, unwritable
from journeyman.journal.sqlite.rollback import lift_epoch


def restore(source: Path, journal: Path, progress: Progress = lambda part: None) -> Path | None:
    """Replace `journal` by the copy `source`, of this release or an earlier one. `source` stays as it is.

    Returns the new path of the files that were there before, or None if there were none. Raises ConfigurationError if
    a server has the journal open or `source` is no journal, StorageError if the disk failed.
    """
    if not source.is_file():
        raise ConfigurationError(f"There is no file {source}. Give the path of a backup.")
    if journal.exists() and source.samefile(journal):
        raise ConfigurationError(f"{source} is the journal itself. Give the path of a backup.")
    path, lock = real_path(journal), FileLock(journal)
    lock.take()
    try:
        with PartialFile(path) as partial:
            copy_journal(source, partial.path, path, schema_of, progress)
            _continue_epochs(partial.path, path)
            kept = _set_aside(path)
            partial.replace()
            return kept
    finally:
        lock.release()


def _continue_epochs(copy: Path, path: Path) -> None:
    """Let the copy continue behind the epochs of the journal, and note where it ends, so that the start accepts it."""
    note = CommitNote(path)
    db = apsw.Connection(str(copy))
    try:
        lift_epoch(db, note.read())
        position = read_position(db)
    finally:
        db.close()
    sync_file(copy)
    note.open()
    note.write(position)
    note.close()


def _set_aside(path: Path) -> Path | None:
    """Rename the journal and its log. Returns the journal's new path, or None if there was nothing.

    A process that is killed in between leaves a log without its journal, which no start accepts.
    """
    log, kept = path.with_name(f"{path.name}-wal"), None
    try:
        if _has_data(path) or _has_data(log):
            kept = _free_name(path)
            path.rename(kept)
            if log.exists():
                log.rename(kept.with_name(f"{kept.name}-wal"))
        for name in (log, path.with_name(f"{path.name}-shm")):
            name.unlink(missing_ok=True)
    except OSError as exc:
        raise unwritable(exc, path) from exc
    return kept


def _has_data(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _free_name(path: Path) -> Path:
    """Return the first of the names `….replaced`, `….replaced2`, `….replaced3` that is free."""
    names = (path.with_name(f"{path.name}.replaced{'' if number == 1 else number}") for number in itertools.count(1))
    return next(name for name in names if not name.exists())
