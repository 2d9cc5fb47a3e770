"""Compares the rows of a journal with those that were made again from its events, one table after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import apsw
import msgspec

from journeyman.journal.sqlite.reads import approval_of, reserved_of
from journeyman.journal.sqlite.statements import Q

_ROUNDING = 0.0001  # dollars: the order of additions changes a sum of floats
_NOT_IN_EVENTS = ("epoch",)  # take-overs raise it
# Columns whose bytes may differ between releases: what they hold is compared.
_DECODED: Mapping[str, Callable[[bytes], Any]] = {
    "reserved": reserved_of,
    "context": msgspec.json.decode,
    "meta": msgspec.json.decode,
    "pinned": msgspec.json.decode,
    "summary": msgspec.json.decode,
}
_DATA: Mapping[str, Callable[[bytes], Any]] = {"approval": approval_of, "context": msgspec.json.decode}
_EMPTY_IS_NULL = ("reserved", "pinned", "summary")

# Kind of row -> queries for the rows of both sides, and for those that only the events make.
_COMPARED = {
    "run": ("both_runs", "missing_runs"),
    "thread": ("both_threads", "missing_threads"),
    "approval": ("both_approvals", "missing_approvals"),
    "context": ("both_contexts", ""),
    "message": ("both_messages", "missing_messages"),
    "waiting message": ("both_pending", ""),
    "file reference": ("both_file_references", "missing_file_references"),
}


def compare_rows(db: apsw.Connection) -> Iterator[str]:
    """Return a line for each row that differs, with the fields that do.

    Each query returns what names the row, then the columns of the row, then as many columns of the rebuilt one.
    """
    for kind, (both, missing) in _COMPARED.items():
        yield from _different(db, kind, Q[both])
        if missing:
            absent = (name for (name,) in db.execute(Q[missing]))
            yield from (f"{kind} {name}: the events make it, but there is no such row" for name in absent)
    yield from _undercharged(db)


def _different(db: apsw.Connection, kind: str, sql: str) -> Iterator[str]:
    cursor = db.execute(sql)
    names: list[str] | None = None
    for row in cursor:
        half = (len(row) - 1) // 2
        found, expected = row[1 : half + 1], row[half + 1 :]
        if found == expected:
            continue
        names = names or [column[0] for column in cursor.get_description()[1 : half + 1]]
        if expected[0] is None:
            yield f"{kind} {row[0]}: no event makes this row"
        elif (text := _differing_fields(kind, names, found, expected)) is not None:
            yield f"{kind} {row[0]}: {text}"


def _differing_fields(kind: str, names: list[str], found: Any, expected: Any) -> str | None:
    """Return which fields differ, in words. Returns None if only their bytes do."""
    theirs = _decoded(kind, names, expected)
    try:
        ours = _decoded(kind, names, found)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError) as exc:
        return f"the row cannot be read ({exc})"
    known = {*ours, *theirs} - {*_NOT_IN_EVENTS}
    differ = sorted(name for name in known if ours.get(name) != theirs.get(name))
    if not differ:
        return None
    said, is_there = ({name: row.get(name) for name in differ} for row in (theirs, ours))
    return f"the events say {said}, the row says {is_there}"


def _decoded(kind: str, names: list[str], values: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        if name == "data":
            data = _DATA[kind](value)
            stored = msgspec.structs.asdict(data) if isinstance(data, msgspec.Struct) else data
            fields |= {f"data.{name}": value for name, value in stored.items()}
        elif name == "lacks" and str(value).startswith("release:"):
            fields[name] = None  # it is noted in the row alone
        elif name in _DECODED and value is not None:
            fields[name] = _DECODED[name](value) or None if name in _EMPTY_IS_NULL else _DECODED[name](value)
        else:
            fields[name] = value
    return fields


def _undercharged(db: apsw.Connection) -> Iterator[str]:
    """Return a line for each budget's day with a lower charge than the events. Erased runs make it higher."""
    for day, budget, tokens, cost_usd, found_tokens, found_cost in db.execute(Q["both_budgets"]):
        if tokens > found_tokens or cost_usd > found_cost + _ROUNDING:
            yield (
                f"budget {budget} of day {day}: the events say {(tokens, cost_usd)}, the row says"
                f" {(found_tokens, found_cost)}"
            )
