"""Counts unclean ends of the server against the runs whose steps it was performing at that moment.

A start raises the epoch of each open run, and a process that begins to drive a run records its epoch. So a step was
begun by the process that died if it is behind an event with the epoch that the run's row still has.
"""

from __future__ import annotations

from collections.abc import Iterable

from journeyman.errors import BaseError
from journeyman.events.codec import Entry
from journeyman.events.events import (
    ApprovalRequested,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    NodeEntered,
    NodeLeft,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.journal.tables import Run, Tables

BEGINNINGS = ("model_called", "tool_call_started", "node_entered")
_ENDINGS = ("model_replied", "model_failed", "tool_call_finished", "node_left", "approval_requested", "run_paused")


def count_crashes(tables: Tables, runs: Iterable[Run]) -> None:
    """Count the end of the process before this one against these runs, if it was unclean and a step was in progress.

    Called before the epochs of the runs are raised. Nothing is read if no run was in progress.
    """
    running = [run for run in runs if run.status == "running"]
    if not running:
        return
    clean = tables.clean_epoch()
    counted = [run for run in running if run.epoch > clean and _was_in_progress(tables, run)]
    for run in counted:
        tables.count_crash(run)
    if counted:
        tables.drop_crash_counts(ended_only=True)


def _was_in_progress(tables: Tables, run: Run) -> bool:
    """Return whether the process of the run's epoch had begun a step of it that is open. False if it is unreadable."""
    try:
        return has_step_in_progress(tables.since_last_start(run), run.epoch)
    except BaseError:
        return False


def has_step_in_progress(entries: Iterable[Entry], epoch: int) -> bool:
    """Return whether a step is open that the process of this epoch began. `entries`: from the run's last start on."""
    steps: set[str] = set()
    for place, entry in enumerate(entries):
        if place == 0 and _epoch_of(entry) != epoch:
            return False
        if entry.type in BEGINNINGS or entry.type in _ENDINGS:
            _note(steps, entry)
    return bool(steps)


def _epoch_of(entry: Entry) -> int | None:
    event = entry.event
    return event.epoch if isinstance(event, RunStarted | RunResumed | RunForked) else None


def _note(steps: set[str], entry: Entry) -> None:
    """Note that a step has begun or has ended. A step that waits for a person or for a child run is not in progress."""
    event = entry.event
    match event:
        case NodeEntered(agent=None, joins=()) | ModelCalled() | ToolCallStarted():
            steps.add(event.call)
        case ModelReplied() | ModelFailed() | ToolCallFinished() | NodeLeft() | ApprovalRequested():
            steps.discard(event.call)
        case RunPaused():
            steps.clear()
        case _:
            pass
