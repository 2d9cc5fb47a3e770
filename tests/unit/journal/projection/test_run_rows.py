"""The rows of a run: its life, its slot on the thread, and what it waits for."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    CancelRequested,
    ContextChanged,
    Failure,
    ModelReplied,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunStarted,
)
from journeyman.events.messages import assistant, user
from tests.harness.projected_rows import ProjectedRows

ASKED = ApprovalRequested(
    approval="a1", call="m1.0", kind="tool", tool="pay", arguments={}, message="May it?", args_hash="h",
    decisions=("approve", "deny"),
)  # fmt: skip


def running() -> ProjectedRows:
    rows = ProjectedRows()
    rows.start()
    return rows


@pytest.mark.parametrize(
    ("end", "status", "code"),
    [
        (RunFinished(output="done"), "finished", None),
        (RunFailed(error=Failure("gateway_error", "It failed.", error_id="err_1")), "failed", "gateway_error"),
        (RunCancelled(by="ann"), "cancelled", None),
    ],
)
def test_an_end_frees_the_thread(end: Any, status: str, code: str | None) -> None:
    rows = running()
    rows.add("run_1", end)
    run = rows.runs["run_1"]
    assert (run.status, run.error_code, run.ended_at) == (status, code, 3)
    assert rows.threads["ann/t"].active_run is None


def test_runs_of_one_thread_queue_in_the_order_of_acceptance() -> None:
    rows = running()
    for run in ("run_2", "run_3"):
        rows.add(run, RunAccepted(thread="ann/t", principal="ann", input=user("more")))
    assert rows.threads["ann/t"].queue == ["run_2", "run_3"]
    rows.add("run_2", RunCancelled(by="ann"))
    rows.add("run_1", RunFinished(output=""))
    rows.add("run_3", RunStarted(epoch=1))
    assert (rows.threads["ann/t"].queue, rows.threads["ann/t"].active_run) == ([], "run_3")


def test_messages_are_numbered_as_they_come() -> None:
    rows = running()
    rows.add("run_1", ModelReplied(call="m1", model="m", message=assistant("hello")), RunFinished(output="hello"))
    assert rows.messages["ann/t"] == [("run_1", 1), ("run_1", 3)]


def test_a_pause_waits_for_what_is_still_open() -> None:
    rows = running()
    rows.add("run_1", ASKED, RunPaused(waiting_for=("a1",)))
    assert (rows.runs["run_1"].status, rows.runs["run_1"].open_approvals) == ("paused", ["a1"])
    late = running()
    late.add("run_1", ASKED, ApprovalGiven(approval="a1", decision="approve", by="ann"), RunPaused(waiting_for=("a1",)))
    assert (late.runs["run_1"].status, late.runs["run_1"].open_approvals) == ("running", [])
    cancelled = running()
    cancelled.add("run_1", ASKED, CancelRequested(by="ann"), RunPaused(waiting_for=("a1",)))
    assert cancelled.runs["run_1"].status == "running"


def test_a_run_changes_the_context_of_its_thread_or_of_its_principal() -> None:
    rows = running()
    rows.add("run_1", ContextChanged(scope="thread", patch={"a": 1}), ContextChanged(scope="global", patch={"b": 2}))
    assert (rows.threads["ann/t"].context, rows.contexts["ann"]) == ({"a": 1}, {"b": 2})
