"""Do the rows of a SQLite journal say what its events say? Makes the rows anew and compares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw

from journeyman.events.codec import Entry
from journeyman.journal.memory import MemoryTables
from journeyman.journal.rows import project
from journeyman.journal.sqlite_tables import SqliteTables

_EVENTS = "SELECT s.name, seq, type, v, at, data FROM events JOIN streams s ON s.no = events.stream ORDER BY events.id"
_MESSAGES = """SELECT t.key, m.no, s.name, m.seq FROM messages m JOIN threads t ON t.no = m.thread
    JOIN streams s ON s.no = m.stream"""
_CONTEXTS = "SELECT principal FROM contexts"
# Principals that erased a thread: patches of their context may have gone with its runs.
_FORGETFUL = """SELECT DISTINCT substr(s.name, length('principal:') + 1) FROM events e JOIN streams s ON s.no = e.stream
    WHERE e.type = 'thread_erased'"""
_UNSAID = ("accepted_no", "epoch")  # what events do not say: numbers have gaps, take-overs raise epochs


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
    yield from _compare("context", said, {key: contexts[key] for key in whole})
    yield from _compare("message", _numbered(rebuilt), {(row[0], row[1]): row[2:] for row in db.execute(_MESSAGES)})


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
