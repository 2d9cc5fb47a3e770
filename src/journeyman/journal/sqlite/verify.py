"""Checks a SQLite journal: SQLite's own check, whether every run folds, and whether the rows match the events."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from journeyman.errors import BaseError
from journeyman.events.codec import Entry
from journeyman.events.fold import AgentState, apply
from journeyman.journal.memory import MemoryTables
from journeyman.journal.projection.project import project
from journeyman.journal.sqlite.connection import check_current, connect_reader, translate
from journeyman.journal.sqlite.tables import SqliteTables

_RUNS = "SELECT accepted_no, id FROM runs ORDER BY accepted_no"
_EVENTS_OF = "SELECT seq, type, v, at, data FROM events WHERE stream = ? ORDER BY seq"
_EVENTS = "SELECT s.name, seq, type, v, at, data FROM events JOIN streams s ON s.no = events.stream ORDER BY events.id"
_MESSAGES = """SELECT t.key, m.no, s.name, m.seq FROM messages m JOIN threads t ON t.no = m.thread
    JOIN streams s ON s.no = m.stream"""
_CONTEXTS = "SELECT principal FROM contexts"
# Principals that erased a thread: changes of their context may have been erased with its runs.
_ERASERS = """SELECT DISTINCT substr(s.name, length('principal:') + 1) FROM events e JOIN streams s ON s.no = e.stream
    WHERE e.type = 'thread_erased'"""
_BUDGETS = "SELECT day, budget, tokens, cost_usd FROM budgets"
_ROUNDING = 0.0001  # dollars: the order of additions changes a sum of floats
_NOT_IN_EVENTS = ("accepted_no", "epoch")  # numbers have gaps, take-overs raise epochs


def verify_journal(path: Path, most: int) -> list[str]:
    """Return what is wrong with the journal at `path`, in at most `most` lines. Safe while its owner writes.

    Raises ConfigurationError if another release wrote it, StorageError if it cannot be read.
    """
    try:
        db = connect_reader(path)
        try:
            check_current(db, path)
            return list(islice(damages(db), most))
        finally:
            db.close()
    except apsw.Error as exc:
        raise translate(exc, path) from exc


def damages(db: apsw.Connection) -> Iterator[str]:
    """Return a line for each problem. Reads in one transaction, so a writer may go on."""
    with db:
        broken = [text for (text,) in db.execute("PRAGMA integrity_check") if text != "ok"]
        yield from broken or (broken := list(_unfolded(db)))
        if not broken:
            yield from differences(db)


def _unfolded(db: apsw.Connection) -> Iterator[str]:
    """Return a line for each run whose events cannot be read or folded by this release."""
    runs: list[tuple[int, str]] = db.execute(_RUNS).fetchall()  # type: ignore[assignment]
    for number, name in runs:
        state = AgentState(run_id=name)
        try:
            for row in db.execute(_EVENTS_OF, (number,)):
                entry = Entry(name, *row)
                state = apply(state, entry.seq, entry.at, entry.event)
        except BaseError as exc:
            yield f"run {name}: {exc.message}"


def differences(db: apsw.Connection) -> Iterator[str]:
    """Return a line for each row that does not match the events, and for each gap in a stream.

    Holds the whole journal in memory.
    """
    rebuilt = MemoryTables()
    last: dict[str, int] = {}
    for row in db.execute(_EVENTS):
        entry = Entry(*row)
        if entry.seq != last.get(entry.stream, 0) + 1:
            yield f"stream {entry.stream}: event {entry.seq} follows {last.get(entry.stream, 0)}"
        last[entry.stream] = entry.seq
        rebuilt.append(entry)
        project(rebuilt, entry, entry.event)
    stored = SqliteTables(db)
    yield from _compare("run", rebuilt.runs, {key: stored.run(key) for key in _ids(db, "SELECT id FROM runs")})
    threads = {key: stored.thread(key) for key in _ids(db, "SELECT key FROM threads WHERE NOT erasing")}
    yield from _compare("thread", rebuilt.threads, threads)
    approvals = {key: stored.approval(key) for key in _ids(db, "SELECT id FROM approvals")}
    yield from _compare("approval", rebuilt.approvals, approvals)
    contexts = {key: stored.global_context(key) for key in _ids(db, _CONTEXTS)}
    complete = contexts.keys() - set(_ids(db, _ERASERS))
    rebuilt_contexts = {key: rebuilt.contexts.get(key) for key in complete}
    yield from _undercharged(db, rebuilt)
    yield from _compare("context", rebuilt_contexts, {key: contexts[key] for key in complete})
    yield from _compare("message", _numbered(rebuilt), {(row[0], row[1]): row[2:] for row in db.execute(_MESSAGES)})


def _undercharged(db: apsw.Connection, rebuilt: MemoryTables) -> Iterator[str]:
    """Return a line for each budget's day with a lower charge than the events. Erased runs make it higher."""
    stored: dict[Any, Any] = {(day, budget): used for day, budget, *used in db.execute(_BUDGETS)}
    first = min((day for day, _ in stored), default=0)  # rows of older days were dropped
    for (day, budget), (tokens, cost_usd) in rebuilt.budgets.items():
        found = stored.get((day, budget), (0, 0.0))
        if day >= first and (tokens > found[0] or cost_usd > found[1] + _ROUNDING):
            yield f"budget {budget} of day {day}: the events say {(tokens, cost_usd)}, the row says {tuple(found)}"


def _ids(db: apsw.Connection, sql: str) -> list[Any]:
    return [row[0] for row in db.execute(sql)]


def _numbered(tables: MemoryTables) -> dict[Any, Any]:
    """Return the event of each message, by thread and number."""
    return {(key, no): message for key, messages in tables.messages.items() for no, message in enumerate(messages, 1)}


def _compare(kind: str, rebuilt: dict[Any, Any], stored: dict[Any, Any]) -> Iterator[str]:
    for key in rebuilt.keys() | stored.keys():
        expected, found = _comparable(rebuilt.get(key)), _comparable(stored.get(key))
        if expected != found:
            yield f"{kind} {key}: the events say {expected}, the row says {found}"


def _comparable(row: Any) -> Any:
    """Return the fields of a row that the events determine."""
    names = getattr(row, "__struct_fields__", None)
    if names is None:
        return row
    fields = {name: getattr(row, name) for name in names if name not in _NOT_IN_EVENTS}
    if str(fields.get("lacks")).startswith("release:"):  # noted in the row alone
        fields["lacks"] = None
    return fields
