"""The rows of threads: messages that are added by hand, pinned or replaced, summaries and contexts."""

from __future__ import annotations

import msgspec

from journeyman.events.events import (
    ContextChanged,
    HistorySummarized,
    MessageAdded,
    MessageReplaced,
    RunFinished,
    ThreadCreated,
    ThreadRenamed,
)
from journeyman.events.messages import user
from tests.harness.projected_rows import ProjectedRows

THREAD = "thread:ann/t"
PINNED = msgspec.structs.replace(user("remember"), pinned=True)


def created() -> ProjectedRows:
    rows = ProjectedRows()
    rows.add(THREAD, ThreadCreated(thread_id="t", principal="ann"))
    return rows


def test_a_message_of_an_idle_thread_has_a_number_at_once() -> None:
    rows = created()
    rows.add(THREAD, MessageAdded(message=user("a")), MessageAdded(message=PINNED))
    assert (rows.messages["ann/t"], rows.threads["ann/t"].pinned) == ([(THREAD, 2), (THREAD, 3)], [2])


def test_a_message_that_comes_while_a_run_works_follows_that_runs_own() -> None:
    rows = created()
    rows.start()
    rows.add(THREAD, MessageAdded(message=PINNED))
    assert rows.threads["ann/t"].pending == [(THREAD, 2)]
    rows.add("run_1", RunFinished(output=""))
    assert rows.messages["ann/t"] == [("run_1", 1), (THREAD, 2)]
    assert (rows.threads["ann/t"].pending, rows.threads["ann/t"].pinned) == ([], [2])


def test_a_replaced_message_keeps_its_number() -> None:
    rows = created()
    rows.add(THREAD, MessageAdded(message=user("a")), MessageReplaced(seq=2, message=user("b")))
    assert rows.messages["ann/t"] == [(THREAD, 3)]


def test_a_summary_moves_the_window_and_one_that_failed_does_not() -> None:
    rows = created()
    rows.add(THREAD, HistorySummarized(first_no=1, last_no=4, text="They met."))
    assert (rows.threads["ann/t"].window_from, rows.threads["ann/t"].summary) == (5, (THREAD, 2))
    rows.add(THREAD, HistorySummarized(first_no=1, last_no=9, text=""))
    assert rows.threads["ann/t"].window_from == 5


def test_patches_of_the_context_are_merged() -> None:
    rows = created()
    rows.add(THREAD, ContextChanged(scope="thread", patch={"a": 1, "b": 1}))
    rows.add(THREAD, ContextChanged(scope="thread", patch={"a": None, "c": 2}))
    assert rows.threads["ann/t"].context == {"b": 1, "c": 2}


def test_another_title_changes_nothing_else() -> None:
    rows = created()
    before = rows.threads["ann/t"].updated_at
    rows.add(THREAD, ThreadRenamed(title="New"))
    assert rows.threads["ann/t"].title == "New"
    assert rows.threads["ann/t"].updated_at == before
