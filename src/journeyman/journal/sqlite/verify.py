"""Checks a SQLite journal: its pages, gaps in streams, checksums, whether every run folds, and rows against events.

Memory stays bounded: a run's events are folded one by one, and the rows that the events make are written to temporary
tables on the disk, which SQLite compares with the journal's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from journeyman.errors import BaseError
from journeyman.events.codec import Entry
from journeyman.events.fold import AgentState, apply
from journeyman.events.streams import is_run
from journeyman.journal.sqlite.columns import checksum
from journeyman.journal.sqlite.connection import UNREADABLE, check_current, connect_reader, translate
from journeyman.journal.sqlite.rebuilt_tables import RebuiltTables, allow_temporary_tables
from journeyman.journal.sqlite.row_comparison import compare_rows
from journeyman.journal.sqlite.statements import Q

REPORTED = 5000  # events or streams between two reports of progress
FOLDING, PROJECTING = 0.45, 0.95  # the parts of the work that are done when these steps end

Progress = Callable[[float], None]  # gets the checked part, 0 to 1


def no_progress(part: float) -> None:
    """Do nothing: the default of functions that report progress."""


def verify_journal(path: Path, most: int, progress: Progress = no_progress) -> list[str]:
    """Return what is wrong with the journal at `path`, in at most `most` lines. Safe while its owner writes.

    Raises ConfigurationError if another release wrote it, StorageError if it cannot be read.
    """
    try:
        db = connect_reader(path)
        try:
            check_current(db, path)
            return list(islice(damages(db, progress), most))
        finally:
            db.close()
    except UNREADABLE as exc:
        raise translate(exc, path) from exc


def damages(db: apsw.Connection, progress: Progress = no_progress) -> Iterator[str]:
    """Return a line for each problem. Reads in one transaction, so a writer may go on."""
    allow_temporary_tables(db)
    db.execute("BEGIN")
    try:
        broken = False
        for check in (_broken_pages, _gaps, _unreadable, differences):
            for line in check(db, progress):
                broken = True
                yield line
            if broken:  # what follows would only repeat it
                return
    finally:
        db.execute("COMMIT")
    progress(1.0)


def _broken_pages(db: apsw.Connection, progress: Progress) -> Iterator[str]:
    return (text for (text,) in db.execute("PRAGMA integrity_check") if text != "ok")


def _gaps(db: apsw.Connection, progress: Progress) -> Iterator[str]:
    """Return a line for each gap in a stream, and for each event out of order or without a stream.

    Of a stream that is being erased, the events that are left need not begin with the first.
    """
    erased = _erased_streams(db)
    for number, name, seq, before, in_order in db.execute(Q["gaps"]):
        if name is None:
            yield f"stream number {number}: it has event {seq}, but no name"
        elif number not in erased:
            yield f"stream {name}: event {seq} follows {before}" + ("" if in_order else ", and was stored before it")


def _unreadable(db: apsw.Connection, progress: Progress) -> Iterator[str]:
    """Return a line for each stream with an event that cannot be read or folded, or is not as it was written."""
    last = max(_first_value(db, "last_stream"), 1)
    erased = _erased_streams(db)
    for number, name in db.execute(Q["streams"]):
        if number % REPORTED == 0:
            progress(FOLDING * number / last)
        if number not in erased and (wrong := _fold_error(db, number, name)) is not None:
            kind = "run" if is_run(name) else "stream"
            yield f"{kind} {name}: {wrong}"


def _fold_error(db: apsw.Connection, number: int, name: str) -> str | None:
    """Return why a stream cannot be read. Returns None if it can, and all of its events are as they were written."""
    state, seq = AgentState(run_id=name), 0
    try:
        for *columns, stored in db.execute(Q["events_of_stream"], (number,)):
            entry = Entry(name, *columns)
            seq = entry.seq
            if stored is not None and not _is_as_written(entry, stored):
                return f"event {entry.seq} is not as it was written (its checksum differs)"
            event = entry.event
            if is_run(name):
                state = apply(state, entry.seq, entry.at, event)
    except BaseError as exc:
        return exc.message
    except UNREADABLE as exc:
        return f"event {seq + 1} cannot be read ({exc})"
    return None


def _is_as_written(entry: Entry, stored: int) -> bool:
    """Return whether the columns still have the stored checksum. Text in place of bytes has none."""
    try:
        return checksum(entry.seq, entry.type, entry.v, entry.at, entry.data) == stored
    except TypeError:
        return False


def differences(db: apsw.Connection, progress: Progress = no_progress) -> Iterator[str]:
    """Return a line for each row that does not match the events, with the fields that differ."""
    rebuilt = RebuiltTables(db)
    try:
        failed = _project_all(db, rebuilt, progress)
        if failed is not None:
            yield failed
        else:
            yield from compare_rows(db)
    finally:
        rebuilt.drop()


def _project_all(db: apsw.Connection, rebuilt: RebuiltTables, progress: Progress) -> str | None:
    """Make all rows again. Returns the line of the first event that does not fit those before it, else None."""
    last, erased = max(_first_value(db, "last_event"), 1), _erased_streams(db)
    for id, number, *columns in db.execute(Q["all_events"]):
        if number in erased:
            continue
        entry = Entry(*columns)
        try:
            rebuilt.project(entry)
        except Exception as exc:  # noqa: BLE001  whatever damaged events do to the projection
            return f"stream {entry.stream}: event {entry.seq} does not fit the events before it ({exc!r})"
        if id % REPORTED == 0:
            progress(FOLDING + (PROJECTING - FOLDING) * id / last)
    rebuilt.finish()
    return None


def _erased_streams(db: apsw.Connection) -> set[int]:
    """Return the numbers of the streams of threads that are being erased: some of their rows are gone already."""
    return {number for (number,) in db.execute(Q["erased_streams"])}


def _first_value(db: apsw.Connection, query: str) -> int:
    row: Any = db.execute(Q[query]).fetchone()
    return row[0] or 0
