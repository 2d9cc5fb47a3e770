"""Is a SQLite journal whole: SQLite's own check, every run folds, and the rows say what the events say."""

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
# Principals that erased a thread: patches of their context may have gone with its runs.
_FORGETFUL = """SELECT DISTINCT substr(s.name, length('principal:') + 1) FROM events e JOIN streams s ON s.no = e.stream
    WHERE e.type = 'thread_erased'"""
_BUDGETS = "SELECT day, budget, tokens, cost_usd FROM budgets"
_FRACTION = 0.0001  # dollars: sums of fractions differ by their order
_UNSAID = ("accepted_no", "epoch")  # what events do not say: numbers have gaps, take-overs raise epochs


def verify_journal(path: Path, most: int) -> list[str]:
    """What is wrong with the journal at `path`, at most so many lines; safe beside its owner.

    Raises ConfigurationError (of another release) and StorageError (no journal, unreadable).
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
    """One line for whatever is wrong, in one read transaction: safe beside a writer."""
    with db:
        broken = [text for (text,) in db.execute("PRAGMA integrity_check") if text != "ok"]
        yield from broken or (broken := list(_unfolded(db)))
        if not broken:
            yield from differences(db)


def _unfolded(db: apsw.Connection) -> Iterator[str]:
    """Runs whose events cannot be read or folded by this release."""
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
    """One line for each row, or gap in a stream, that does not fit the events. Holds the whole journal in memory."""
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
    whole = contexts.keys() - set(_ids(db, _FORGETFUL))
    said = {key: rebuilt.contexts.get(key) for key in whole}
    yield from _overdrawn(db, rebuilt)
    yield from _compare("context", said, {key: contexts[key] for key in whole})
    yield from _compare("message", _numbered(rebuilt), {(row[0], row[1]): row[2:] for row in db.execute(_MESSAGES)})


def _overdrawn(db: apsw.Connection, rebuilt: MemoryTables) -> Iterator[str]:
    """Days whose rows hold less than the events say: more is what erased runs have used."""
    stored: dict[Any, Any] = {(day, budget): used for day, budget, *used in db.execute(_BUDGETS)}
    first = min((day for day, _ in stored), default=0)  # rows of days long gone are dropped
    for (day, budget), (tokens, cost_usd) in rebuilt.budgets.items():
        found = stored.get((day, budget), (0, 0.0))
        if day >= first and (tokens > found[0] or cost_usd > found[1] + _FRACTION):
            yield f"budget {budget} of day {day}: the events say {(tokens, cost_usd)}, the row says {tuple(found)}"


def _ids(db: apsw.Connection, sql: str) -> list[Any]:
    return [row[0] for row in db.execute(sql)]


def _numbered(tables: MemoryTables) -> dict[Any, Any]:
    return {(key, no): place for key, places in tables.messages.items() for no, place in enumerate(places, 1)}


def _compare(kind: str, said: dict[Any, Any], stored: dict[Any, Any]) -> Iterator[str]:
    for key in said.keys() | stored.keys():
        wanted, found = _facts(said.get(key)), _facts(stored.get(key))
        if wanted != found:
            yield f"{kind} {key}: the events say {wanted}, the row says {found}"


def _facts(row: Any) -> Any:
    names = getattr(row, "__struct_fields__", None)
    if names is None:
        return row
    return {name: getattr(row, name) for name in names if name not in _UNSAID}
