"""Rows made again in temporary tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from journeyman.events.codec import Entry
from journeyman.journal.sqlite import rebuilt_tables
from journeyman.journal.sqlite.connection import connect_reader
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.rebuilt_tables import RebuiltTables, allow_temporary_tables
from journeyman.journal.sqlite.row_comparison import compare_rows
from journeyman.journal.sqlite.statements import Q
from tests.harness.sqlite_batches import accept, end, say

RUNS = rebuilt_tables.GROUP  # of six events: several groups


@pytest.fixture
async def reader(path: Path) -> AsyncIterator[apsw.Connection]:
    journal = SqliteJournal(path, batch_size=1000, synchronous="NORMAL")
    await journal.open()
    made = [accept(f"r{number}", thread=f"ann/t{number % 400}") for number in range(RUNS)]
    for ticket in [journal.submit(batch) for batch in made]:
        await ticket
    for number in range(RUNS // 2):
        run = f"r{number}"
        if number < 400:  # the others wait for their threads
            await journal.submit(say(run, "hello"))
            await journal.submit(end(run))
    await journal.close()
    db = connect_reader(path)
    allow_temporary_tables(db)
    yield db
    db.close()


def rebuild(db: apsw.Connection) -> RebuiltTables:
    rebuilt = RebuiltTables(db)
    for _, _, *columns in db.execute(Q["all_events"]):
        rebuilt.project(Entry(*columns))  # type: ignore[arg-type]
    rebuilt.finish()
    return rebuilt


def test_the_rows_are_those_of_the_journal_which_is_not_written(reader: apsw.Connection, path: Path) -> None:
    before = path.read_bytes()
    rebuilt = rebuild(reader)
    for table in ("runs", "threads", "messages"):
        counts = [reader.execute(f"SELECT count(*) FROM {schema}.{table}").fetchone() for schema in ("main", "temp")]
        assert counts[0] == counts[1] != (0,), table
    assert list(compare_rows(reader)) == []
    rebuilt.drop()
    assert reader.execute("SELECT count(*) FROM sqlite_temp_schema").fetchone() == (0,)
    assert path.read_bytes() == before


def test_what_has_ended_is_not_kept_in_memory(reader: apsw.Connection) -> None:
    rebuilt = rebuild(reader)
    open_runs = reader.execute("SELECT count(*) FROM main.runs WHERE ended_at IS NULL").fetchone()
    assert (len(rebuilt._runs),) <= open_runs  # type: ignore[operator]
    rebuilt.drop()
