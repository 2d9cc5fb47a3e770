"""Working copies as the values of their rows."""

from __future__ import annotations

from journeyman.events.quota import Reservation
from journeyman.journal.sqlite.columns import (
    changed_run_values,
    changed_thread_values,
    new_run_values,
    new_thread_values,
)
from journeyman.journal.sqlite.statements import Q
from journeyman.journal.tables import Run, Thread

HELD = Reservation(budgets=("principal:ann",), day=7, tokens=5)
RUN = Run(id="run_1", thread="ann/t", principal="ann", accepted_no=3, accepted_at=9)
THREAD = Thread(key="ann/t", principal="ann", thread_id="t", created_at=1, updated_at=2)


def test_a_run_is_saved_under_its_number_and_what_is_empty_is_null() -> None:
    assert (changed_run_values(RUN)[-1], changed_run_values(RUN)[-2], new_run_values(RUN, 5)[2]) == (3, None, 5)
    held = Run(id="run_1", thread="ann/t", principal="ann", accepted_no=3, accepted_at=9, reserved={"m1": HELD})
    assert changed_run_values(held)[-2] == b'{"m1":{"budgets":["principal:ann"],"day":7,"tokens":5}}'


def test_a_thread_is_saved_under_the_number_of_its_stream() -> None:
    assert (changed_thread_values(THREAD, 8)[-1], new_thread_values(THREAD, 8)[0], new_thread_values(THREAD, 8)[1]) == (
        8,
        8,
        "ann/t",
    )


def test_every_statement_that_takes_a_row_has_a_place_for_each_value() -> None:
    rows = (
        new_run_values(RUN, 5),
        changed_run_values(RUN),
        new_thread_values(THREAD, 8),
        changed_thread_values(THREAD, 8),
    )
    counts = {statement.count("?") for statement in Q.values()}
    assert {len(row) for row in rows} <= counts
