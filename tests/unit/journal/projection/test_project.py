"""Which rows an event of each kind of stream changes."""

from __future__ import annotations

import pytest

from journeyman.events.events import ContextChanged, RunFinished, RunResumed, ThreadCreated
from tests.harness.projected_rows import ProjectedRows


def test_an_event_of_a_run_changes_its_row_and_its_thread() -> None:
    rows = ProjectedRows()
    rows.start()
    assert (rows.runs["run_1"].status, rows.runs["run_1"].last_seq) == ("running", 2)
    assert rows.threads["ann/t"].active_run == "run_1"


def test_every_event_of_a_run_moves_its_last_seq() -> None:
    rows = ProjectedRows()
    rows.start()
    rows.add("run_1", RunResumed(epoch=2), RunFinished(output="done"))
    assert (rows.runs["run_1"].last_seq, rows.runs["run_1"].status) == (4, "finished")


def test_streams_of_threads_and_principals_have_rows_of_their_own() -> None:
    rows = ProjectedRows()
    rows.add("thread:ann/t", ThreadCreated(thread_id="t", principal="ann", title="Mine"))
    rows.add("principal:ann", ContextChanged(scope="global", patch={"tier": "gold"}))
    assert (rows.threads["ann/t"].title, rows.contexts) == ("Mine", {"ann": {"tier": "gold"}})


def test_an_event_of_an_unknown_run_is_a_fault() -> None:
    with pytest.raises(AssertionError, match="run_9"):
        ProjectedRows().add("run_9", RunFinished(output=""))
