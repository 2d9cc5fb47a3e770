"""The search for runs that match a filter: along one index, over a bounded number of rows.

One index leads to the rows, the newest first. The rest of the filter is checked row by row. After MOST_SCANNED rows the
search is broken off, and a later one can go on from there. So the cost of a page does not grow with the journal.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from journeyman.events.streams import thread_stream
from journeyman.journal.journal import OPEN, RunFilter
from journeyman.journal.sqlite.statements import Q

MOST_SCANNED = 10_000  # rows of runs
MOST_SCANNED_FOR_TOOL = 1000  # the events of each of them are looked through
LONG_ID = 8  # characters of an id: `run_` and four digits
_NEWEST = 2**63 - 1

# Fields of the filter that an index leads by -> its query. The first whose fields are all given is used: those that
# find fewest rows come first. `open` is a status of an open run, `long_id` a beginning of an id that few runs have.
_BY_INDEX: tuple[tuple[tuple[str, ...], str], ...] = (
    (("long_id",), "scan_by_id"),
    (("error_id",), "scan_by_error_id"),
    (("trace_id",), "scan_by_trace"),
    (("parent",), "scan_by_parent"),
    (("thread", "open"), "scan_open_of_thread"),
    (("thread",), "scan_by_thread"),
    (("error_code",), "scan_by_error_code"),
    (("open",), "scan_open"),
    (("principal",), "scan_by_principal"),
)


class FoundRuns(msgspec.Struct, frozen=True):
    """Numbers of runs that match, the newest first, and the number at which the search was broken off, if it was."""

    numbers: list[int]
    stopped_at: int | None = None


def scan_runs(db: apsw.Connection, where: RunFilter, cursor: int | None, limit: int) -> FoundRuns:
    """Return up to `limit` runs that match, from before the `cursor`."""
    values: dict[str, Any] = msgspec.structs.asdict(where)
    values["thread"] = where.thread and thread_stream(where.thread)
    most = MOST_SCANNED if where.tool is None else MOST_SCANNED_FOR_TOOL
    rows = db.execute(Q[scan_query(where)], {**values, "cursor": _NEWEST if cursor is None else cursor, "most": most})
    numbers: list[int] = []
    scanned, last = 0, 0
    for last, matches in rows:
        scanned += 1
        if matches:
            numbers.append(last)
            if len(numbers) == limit:
                return FoundRuns(numbers)
    return FoundRuns(numbers, last if scanned == most else None)


def scan_query(where: RunFilter) -> str:
    """Return the name of the query that leads to the rows by the best index."""
    given = {name for name, value in msgspec.structs.asdict(where).items() if value is not None}
    if where.status in OPEN:
        given.add("open")
    if len(where.id or "") >= LONG_ID:
        given.add("long_id")
    return next((query for fields, query in _BY_INDEX if given.issuperset(fields)), "scan_all")
