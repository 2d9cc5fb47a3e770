"""Rows that differ in what they hold, and rows that differ in their bytes only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from journeyman.events.codec import Entry
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.rebuilt_tables import RebuiltTables
from journeyman.journal.sqlite.row_comparison import compare_rows
from journeyman.journal.sqlite.statements import Q
from tests.harness.sqlite_batches import accept

BUDGET = "INSERT INTO temp.budgets VALUES (7, 'principal:ann', 5, 1.0)"


@pytest.fixture
async def db(path: Path) -> AsyncIterator[apsw.Connection]:
    """A journal with one run, and the same rows in temporary tables."""
    journal = SqliteJournal(path)
    await journal.open()
    await journal.commit(accept("r1"))
    await journal.close()
    made = apsw.Connection(str(path))
    rebuilt = RebuiltTables(made)
    for _, _, *columns in made.execute(Q["all_events"]):
        rebuilt.project(Entry(*columns))  # type: ignore[arg-type]
    rebuilt.finish()
    yield made
    made.close()


def compared(db: apsw.Connection, *changes: str) -> list[str]:
    for change in changes:
        db.execute(change)
    return list(compare_rows(db))


def test_equal_rows_and_equal_values_are_no_difference(db: apsw.Connection) -> None:
    assert compared(db) == []
    assert compared(db, "UPDATE main.threads SET context = ' { } ', meta = '{}  '") == []
    assert compared(db, "UPDATE main.runs SET reserved = '{}', epoch = epoch + 5") == []


def test_only_the_fields_that_differ_are_named(db: apsw.Connection) -> None:
    [line] = compared(db, "UPDATE main.runs SET agent = 'x', direct = 1")
    assert line == "run r1: the events say {'agent': None, 'direct': 0}, the row says {'agent': 'x', 'direct': 1}"


def test_a_value_that_cannot_be_decoded_is_named(db: apsw.Connection) -> None:
    [line] = compared(db, "UPDATE main.threads SET context = x'ff'")
    assert line.startswith("thread ann/r1: the row cannot be read (")


def test_a_budget_may_be_higher_than_the_events_say_but_not_lower(db: apsw.Connection) -> None:
    [line] = compared(db, BUDGET, "INSERT INTO main.budgets VALUES (7, 'principal:bob', 1, 1.0)")
    assert line.startswith("budget principal:ann of day 7: the events say (5, 1.0), the row says (0, 0")
    assert compared(db, "INSERT INTO main.budgets VALUES (7, 'principal:ann', 6, 0.99999)") == []
    assert len(compared(db, "UPDATE main.budgets SET tokens = 4")) == 1
