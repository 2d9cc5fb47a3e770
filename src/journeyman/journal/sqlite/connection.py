"""Connections to a SQLite journal: their settings, migrations, and the translation of SQLite's errors."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import apsw
import msgspec

from journeyman.errors import ConfigurationError, HistoryUnreadableError, StorageError
from journeyman.exhaustion import exhausted_by
from journeyman.journal.sqlite.file_lock import NO_SPACE
from journeyman.journal.sqlite.statements import migrations

APPLICATION_ID = 0x4A4F5552  # "JOUR": marks the file as a journal
BUSY_MS = 5_000  # how long a statement waits for another process's lock
FIXED_IN = (3, 51, 3)  # the WAL-reset bug corrupts files that several connections use
BACKPORTS = {(3, 44): 6, (3, 50): 7}

UNREADABLE = (apsw.Error, UnicodeDecodeError, msgspec.MsgspecError)  # raised when a row is read from a damaged file

Synchronous = Literal["FULL", "NORMAL"]


def translate(exc: Exception, path: Path, number: int = 0) -> StorageError:
    """Return the StorageError that tells an operator what happened and what to do.

    `number` is the errno of the system call behind it. An error with `retry_after` passes by itself: nothing was
    written, and later commits may succeed.
    """
    if isinstance(exc, apsw.FullError) or (number in NO_SPACE and not _is_failed_sync(exc)):
        text = f"the disk under {path} is full: free some space; reading goes on"
        return StorageError(text, code="storage_full", retry_after=10)
    if isinstance(exc, apsw.BusyError | apsw.LockedError):
        return StorageError(f"{path} is locked by another process: end it or try again", retry_after=2)
    if _is_without_memory(exc):
        text = f"{path} cannot be read or written now: the server has too little memory; give it more"
        return StorageError(text, code="exhausted", retry_after=2)
    if isinstance(exc, apsw.NotADBError):
        return StorageError(f"{path} is not a journal (or is encrypted or damaged): restore a backup or choose another")
    if isinstance(exc, UnicodeDecodeError | msgspec.MsgspecError):
        return HistoryUnreadableError(f"The journal holds data that cannot be decoded: {exc}.")
    if isinstance(exc, apsw.CorruptError):
        return StorageError(f"{path} is damaged ({exc}): stop, keep the file, and restore a backup")
    if isinstance(exc, apsw.CantOpenError):
        return StorageError(f"{path} cannot be opened ({exc}): check the folder and its permissions")
    return StorageError(f"{path} could not be read or written ({exc}): check the disk, then restart")


def _is_without_memory(exc: Exception) -> bool:
    """Return whether there was no memory: the transaction was rolled back, and can be tried again."""
    result = getattr(exc, "extendedresult", 0)
    return isinstance(exc, apsw.NoMemError) or result == apsw.SQLITE_IOERR_NOMEM or exhausted_by(exc) == "memory"


def _is_failed_sync(exc: Exception) -> bool:
    """Return whether a flush failed: what was written before it may be lost, so it cannot be tried again."""
    return getattr(exc, "extendedresult", 0) in (apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC)


def refuse_unsafe_sqlite(version: str) -> None:
    """Check the version of SQLite. Raises ConfigurationError if it has the WAL-reset bug, which corrupts files."""
    major, minor, patch = [int(part) for part in version.split(".")][:3]
    backport = BACKPORTS.get((major, minor))
    if (major, minor, patch) >= FIXED_IN or (backport is not None and patch >= backport):
        return
    raise ConfigurationError(f"SQLite {version} can corrupt a journal (WAL-reset bug). Install apsw 3.51.3 or newer.")


def connect_writer(path: Path, synchronous: Synchronous = "FULL", vfs: str | None = None) -> apsw.Connection:
    """Open the one connection that writes and checkpoints. Its FileLock has made the file. Raises StorageError."""
    refuse_unsafe_sqlite(apsw.sqlite_lib_version())
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    db = apsw.Connection(str(path), flags=flags, vfs=vfs, statementcachesize=128)
    try:
        _set_up_writer(db, synchronous)
    except apsw.Error as exc:
        number = db.system_errno
        db.close()
        raise translate(exc, path, number) from exc
    return db


def _set_up_writer(db: apsw.Connection, synchronous: Synchronous) -> None:
    db.set_busy_timeout(BUSY_MS)
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", synchronous)
    db.pragma("wal_autocheckpoint", 0)  # the writer checkpoints after it has settled its batches
    db.pragma("journal_size_limit", 64 << 20)
    db.pragma("secure_delete", True)
    db.pragma("cache_size", -8000)
    _keep_plans(db)


def connect_reader(path: Path) -> apsw.Connection:
    """Open a connection that only reads."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=64)
    db.set_busy_timeout(BUSY_MS)
    db.pragma("query_only", True)
    db.pragma("cache_size", -2000)
    _keep_plans(db)
    return db


def _keep_plans(db: apsw.Connection) -> None:
    """Keep a statement's plan whatever values are bound: with partial indexes, SQLite would prepare it again for each.

    Measured: 9 µs instead of 90.
    """
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)


def apply_migrations(db: apsw.Connection, path: Path) -> None:
    """Bring the schema up to date, one transaction per migration."""
    scripts = migrations()
    _identify(db, path, len(scripts))
    for number in range(_version(db), len(scripts)):
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute(scripts[number])
            db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", number + 1)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def check_current(db: apsw.Connection, path: Path) -> None:
    """Check that a reader can use the file. Raises ConfigurationError unless its schema is this release's."""
    found, known = schema_of(db, path)
    if found < known:
        raise ConfigurationError(
            f"{path} was written by an older release. Start the server once to bring it up to date."
        )


def schema_of(db: apsw.Connection, path: Path) -> tuple[int, int]:
    """Return the schema number of the file and of this release.

    Raises ConfigurationError if the file's is higher, or if the file belongs to another program.
    """
    known = len(migrations())
    _identify(db, path, known)
    return _version(db), known


def _identify(db: apsw.Connection, path: Path, known: int) -> None:
    version = _version(db)
    if version > known:
        raise ConfigurationError(
            f"{path} has schema {version}, but this release knows schemas up to {known}. Use a newer release."
        )
    objects = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if objects != (0,) and db.pragma("application_id") != APPLICATION_ID:
        raise ConfigurationError(f"{path} is a SQLite file of another program. Choose another file for the journal.")


def _version(db: apsw.Connection) -> int:
    return int(db.pragma("user_version"))
