"""A SQLite file as a journal: connections, their settings, migrations, and SQLite's errors in our words."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import apsw
import msgspec

from journeyman.errors import ConfigurationError, StorageError
from journeyman.journal.sqlite.statements import migrations

APPLICATION_ID = 0x4A4F5552  # "JOUR": marks the file as ours
BUSY_MS = 5_000  # how long a write waits for another process's lock before it is refused
FIXED_IN = (3, 51, 3)  # the WAL-reset bug corrupts files that several connections use
BACKPORTS = {(3, 44): 6, (3, 50): 7}

Synchronous = Literal["FULL", "NORMAL"]


# What reading a row may raise: SQLite's own word, or bytes on the disk that are no longer what was written.
UNREADABLE = (apsw.Error, UnicodeDecodeError, msgspec.MsgspecError)


def translate(exc: Exception, path: Path) -> StorageError:
    """The StorageError that tells an operator what SQLite met and what to do."""
    if isinstance(exc, apsw.FullError):
        text = f"the disk under {path} is full: free some space; reading goes on"
        return StorageError(text, code="storage_full", retry_after=10)
    if isinstance(exc, apsw.BusyError | apsw.LockedError):
        return StorageError(f"{path} is locked by another process: end it or try again", retry_after=2)
    if isinstance(exc, apsw.NotADBError):
        return StorageError(f"{path} is not a journal (or is encrypted or damaged): restore a backup or choose another")
    if isinstance(exc, apsw.CorruptError | UnicodeDecodeError | msgspec.MsgspecError):
        return StorageError(f"{path} is damaged ({exc}): stop, keep the file, and restore a backup")
    if isinstance(exc, apsw.CantOpenError):
        return StorageError(f"{path} cannot be opened ({exc}): check the folder and its permissions")
    return StorageError(f"{path} could not be read or written ({exc}): check the disk, then restart")


def refuse_unsafe_sqlite(version: str) -> None:
    """Raises ConfigurationError for a SQLite with the WAL-reset bug, which can corrupt the file."""
    major, minor, patch = [int(part) for part in version.split(".")][:3]
    backport = BACKPORTS.get((major, minor))
    if (major, minor, patch) >= FIXED_IN or (backport is not None and patch >= backport):
        return
    raise ConfigurationError(f"SQLite {version} can corrupt a journal (WAL-reset bug): install apsw 3.51.3 or newer")


def connect_writer(path: Path, synchronous: Synchronous = "FULL", vfs: str | None = None) -> apsw.Connection:
    """The one connection that writes and checkpoints. Creates the file, readable by its owner alone."""
    refuse_unsafe_sqlite(apsw.sqlite_lib_version())
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    if vfs is None and not path.exists():
        path.touch(mode=0o600)
    db = apsw.Connection(str(path), flags=flags, vfs=vfs, statementcachesize=128)
    db.set_busy_timeout(BUSY_MS)
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", synchronous)
    db.pragma("wal_autocheckpoint", 0)  # the writer does it after it has answered
    db.pragma("journal_size_limit", 64 << 20)
    db.pragma("secure_delete", True)
    db.pragma("cache_size", -8000)
    _keep_plans(db)
    return db


def connect_reader(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=64)
    db.set_busy_timeout(BUSY_MS)
    db.pragma("query_only", True)
    db.pragma("cache_size", -2000)
    _keep_plans(db)
    return db


def _keep_plans(db: apsw.Connection) -> None:
    """Let no bound value change a plan: beside a partial index each binding would prepare anew (90 µs against 9)."""
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)


def apply_migrations(db: apsw.Connection, path: Path) -> None:
    """Bring the schema up to date, each step in a transaction of its own."""
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
    """For readers: raises ConfigurationError unless the schema is exactly this release's."""
    found, known = schema_of(db, path)
    if found < known:
        raise ConfigurationError(
            f"{path} was written by an older release: start the server once to bring it up to date"
        )


def schema_of(db: apsw.Connection, path: Path) -> tuple[int, int]:
    """The file's schema, and this release's. Raises ConfigurationError for a later one, or another program's file."""
    known = len(migrations())
    _identify(db, path, known)
    return _version(db), known


def _identify(db: apsw.Connection, path: Path, known: int) -> None:
    version = _version(db)
    if version > known:
        raise ConfigurationError(
            f"{path} has schema {version}, this release knows up to {known}: use a newer release of Journeyman"
        )
    tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables != (0,) and db.pragma("application_id") != APPLICATION_ID:
        raise ConfigurationError(f"{path} is a SQLite file of another program: choose another file for the journal")


def _version(db: apsw.Connection) -> int:
    return int(db.pragma("user_version"))
