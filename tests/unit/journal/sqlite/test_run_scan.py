"""Lists of runs: which index leads to them, and a search that ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.journal.journal import RunFilter, RunPage
from journeyman.journal.sqlite.connection import apply_migrations
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.run_scan import _BY_INDEX, LONG_ID, MOST_SCANNED, MOST_SCANNED_FOR_TOOL, scan_query
from journeyman.journal.sqlite.statements import Q
from tests.harness.sqlite_batches import accept

MANY = 2 * MOST_SCANNED + 500
# Runs r1 to rMANY of 3 principals and 2 agents on one thread each; every 9,000th is cancelled.
FILL = """WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO runs (accepted_no, id, thread, principal, agent, direct, has_input, status, epoch, accepted_at)
    SELECT i, 'x' || i, (SELECT no FROM threads), 'p' || (i % 3), 'a' || (i % 2), 0, 0,
        CASE WHEN i % 9000 = 0 THEN 'cancelled' ELSE 'finished' END, 1, i FROM n"""


@pytest.fixture
async def filled(path: Path) -> AsyncIterator[SqliteJournal]:
    journal = SqliteJournal(path)
    await journal.open()
    await journal.commit(accept("r1"))
    await journal.close()
    db = apsw.Connection(str(path))
    db.execute(FILL, (MANY,))
    db.close()
    await journal.open()
    yield journal
    await journal.close()


async def pages(journal: SqliteJournal, where: RunFilter, limit: int) -> AsyncIterator[RunPage]:
    """Every page of a search."""
    cursor: int | None = None
    while True:
        page = await journal.runs(where, cursor, limit)
        yield page
        if page.stopped_at is None and len(page) < limit:
            return
        cursor = page[-1].accepted_no if page.stopped_at is None else page.stopped_at


@pytest.fixture
def schema(tmp_path: Path) -> Iterator[apsw.Connection]:
    db = apsw.Connection(":memory:")
    apply_migrations(db, tmp_path)
    yield db
    db.close()


def plan(db: apsw.Connection, query: str) -> list[str]:
    names = [*msgspec.structs.fields(RunFilter)]
    values: dict[str, Any] = dict.fromkeys((*(field.name for field in names), "cursor", "most"), None)
    positional = ("a", 1, 2)[: 3 if query == "failures_of_principal" else 2]
    bound = positional if query.startswith("failures") else values
    return [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {Q[query]}", bound)]


@pytest.mark.parametrize("query", ["scan_all", *(query for _, query in _BY_INDEX)])
def test_the_plan_of_each_search_follows_its_index_and_sorts_nothing(query: str, schema: apsw.Connection) -> None:
    lines = plan(schema, query)
    first = lines[0]
    assert first.startswith(
        ("SEARCH runs USING INDEX", "SEARCH runs USING INTEGER PRIMARY KEY", "SCAN runs USING INDEX")
    )
    sorts = any("TEMP B-TREE" in line for line in lines)
    assert sorts == (query == "scan_open"), lines  # of all open runs, whose number does not grow with the journal


@pytest.mark.parametrize("query", ["failures", "failures_of_principal"])
def test_failures_are_read_along_an_index_of_failures(query: str, schema: apsw.Connection) -> None:
    lines = plan(schema, query)
    assert any("USING INDEX runs_failed" in line for line in lines)
    assert not any(line.startswith("SCAN runs") and "INDEX" not in line for line in lines), lines


filters = st.builds(
    RunFilter,
    **{
        field.name: st.none() | st.just("x")
        for field in msgspec.structs.fields(RunFilter)
        if field.name not in ("status", "id")
    },
    id=st.sampled_from([None, "run_", "run_12345"]),
    status=st.sampled_from([None, "queued", "running", "paused", "finished", "failed", "cancelled"]),
)


@given(filters)
def test_every_filter_has_its_search(where: RunFilter) -> None:
    query = scan_query(where)
    lead = {query: fields for fields, query in _BY_INDEX}.get(query, ())
    given_fields = {name for name in RunFilter.__struct_fields__ if getattr(where, name) is not None}
    assert {field for field in lead if field not in ("open", "long_id")} <= given_fields
    assert ("long_id" in lead) <= (len(where.id or "") >= LONG_ID)
    assert ("open" in lead) <= (where.status in ("queued", "running", "paused"))


async def test_a_search_is_broken_off_and_goes_on(filled: SqliteJournal) -> None:
    where = RunFilter(status="cancelled")
    found = [page async for page in pages(filled, where, 50)]
    assert [[row.id for row in page] for page in found] == [["x18000"], ["x9000"], []]
    assert [page.stopped_at for page in found] == [MANY - MOST_SCANNED + 1, MANY - 2 * MOST_SCANNED + 1, None]


@pytest.mark.parametrize(
    "where",
    [
        RunFilter(agent="a9"),
        RunFilter(request_id="none"),
        RunFilter(until=5, status="finished"),
        RunFilter(principal="p1", agent="a9"),
        RunFilter(since=10**9),
    ],
)
async def test_what_is_not_there_is_searched_to_the_end_in_steps(where: RunFilter, filled: SqliteJournal) -> None:
    found = [page async for page in pages(filled, where, 50)]
    assert [len(page) for page in found] == [0] * len(found)
    assert found[-1].stopped_at is None
    assert len(found) == (1 if where.principal else 3)


async def test_a_search_for_a_tool_looks_at_fewer_runs(filled: SqliteJournal) -> None:
    page = await filled.runs(RunFilter(tool="pay"))
    assert page.stopped_at == MANY - MOST_SCANNED_FOR_TOOL + 1


async def test_a_full_page_is_not_broken_off(filled: SqliteJournal) -> None:
    for where in (RunFilter(), RunFilter(status="finished"), RunFilter(principal="p1")):
        page = await filled.runs(where, limit=20)
        assert (len(page), page.stopped_at) == (20, None)
