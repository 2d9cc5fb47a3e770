"""Copies a SQLite journal as it is at one moment, while its owner goes on writing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import apsw

from journeyman.errors import ConfigurationError, StorageError
from journeyman.journal.sqlite.connection import check_current, connect_reader, translate

PAGES = 1000  # copied between two reports of progress

Progress = Callable[[float], None]  # gets the copied part, 0 to 1


def back_up(source: Path, target: Path, progress: Progress = lambda part: None) -> int:
    """Copy the journal at `source` to `target`. Returns its size in bytes.

    The copy holds everything that was acknowledged before the call. `target` appears only when it is complete.
    Raises ConfigurationError if there is no journal or `target` exists, StorageError if the disk failed.
    """
    if not source.is_file():
        raise ConfigurationError(f"There is no journal at {source}. Name its file with DATABASE_URL.")
    if target.exists():
        raise ConfigurationError(f"{target} already exists. Choose another file.")
    partial = target.with_name(target.name + ".partial")
    try:
        _copy(source, partial, progress)
        partial.replace(target)
        _sync_folder(target.parent)
    except apsw.Error as exc:
        raise translate(exc, source) from exc
    except OSError as exc:
        raise StorageError(f"{target} cannot be written ({exc.strerror}). Choose another file.") from exc
    finally:
        for suffix in ("", "-wal", "-shm"):
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)
    return target.stat().st_size


def _copy(source: Path, partial: Path, progress: Progress) -> None:
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    reader, copy = connect_reader(source), apsw.Connection(str(partial))
    try:
        check_current(reader, source)
        with reader:  # one read transaction: the copy is of this moment
            reader.execute("SELECT count(*) FROM meta").fetchall()
            with copy.backup("main", reader, "main") as backup:
                while not backup.done:
                    backup.step(PAGES)
                    progress(1 - backup.remaining / max(backup.page_count, 1))
        copy.pragma("journal_mode", "delete")  # one complete file; the server turns on WAL again
        copy.pragma("synchronous", "full")
    finally:
        copy.close()
        reader.close()
    _sync(partial)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
