"""Copies a SQLite journal as it is at one moment, while its owner goes on writing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import apsw

from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.connection import check_current, connect_reader, translate
from journeyman.journal.sqlite.partial_file import PartialFile, append_errno, sync_file, unwritable

PAGES = 1000  # copied between two reports of progress

Progress = Callable[[float], None]  # gets the copied part, 0 to 1
Check = Callable[[apsw.Connection, Path], object]  # raises if the source must not be copied


def back_up(source: Path, target: Path, progress: Progress = lambda part: None) -> int:
    """Copy the journal at `source` to `target`. Returns its size in bytes.

    The copy holds everything that was acknowledged before the call. `target` appears only when it is complete.
    Raises ConfigurationError if there is no journal or `target` exists, StorageError if the disk failed.
    """
    if not source.is_file():
        raise ConfigurationError(f"There is no journal at {source}. Name its file with DATABASE_URL.")
    if target.exists():
        raise ConfigurationError(f"{target} already exists. Choose another file.")
    with PartialFile(target) as partial:
        copy_journal(source, partial.path, target, check_current, progress)
        partial.add()
    return target.stat().st_size


def copy_journal(source: Path, partial: Path, target: Path, check: Check, progress: Progress) -> None:
    """Copy a journal to the empty file `partial`. An error names the file that it is about: `source` or `target`."""
    copy = apsw.Connection(str(partial))
    try:
        with contextlib.closing(connect_reader(source)) as reader:
            check(reader, source)
            with reader:  # one read transaction: the copy is of this moment
                reader.execute("SELECT count(*) FROM meta").fetchall()
                _write_copy(reader, copy, progress)
        copy.close()
        sync_file(partial)
    except apsw.Error as exc:
        if _is_of_source(exc):
            raise translate(exc, source) from exc
        raise translate(exc, target, append_errno(partial)) from exc
    except OSError as exc:
        raise unwritable(exc, target) from exc
    finally:
        copy.close()


def _write_copy(reader: apsw.Connection, copy: apsw.Connection, progress: Progress) -> None:
    with copy.backup("main", reader, "main") as backup:
        while not backup.done:
            backup.step(PAGES)
            progress(1 - backup.remaining / max(backup.page_count, 1))
    copy.pragma("journal_mode", "delete")  # one complete file; the server turns on WAL again
    copy.pragma("synchronous", "full")


_READING = (apsw.SQLITE_IOERR_READ, apsw.SQLITE_IOERR_SHORT_READ, apsw.SQLITE_IOERR_CORRUPTFS)


def _is_of_source(exc: apsw.Error) -> bool:
    """Return whether an error is about the journal, and not about its copy."""
    if isinstance(exc, apsw.IOError):
        return getattr(exc, "extendedresult", 0) in _READING
    return not isinstance(exc, apsw.FullError | apsw.CantOpenError | apsw.ReadOnlyError | apsw.PermissionsError)
