"""Event -> rows: the one place that knows which rows an event makes.

Fed with all entries in the order of their appending, `project` makes the same rows again; only `Run.epoch` (raised
by take-overs), claims, definitions and what erased runs did to a global context are not in the events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from journeyman.events.codec import Entry
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    CancelRequested,
    ContextChanged,
    Failure,
    HistorySummarized,
    MessageAdded,
    MessageReplaced,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    NodeEntered,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    ToolCallFinished,
)
from journeyman.events.graph_position import joined_into
from journeyman.journal.journal import RunStatus
from journeyman.journal.projection.approval_rows import approval_row
from journeyman.journal.projection.branch_messages import is_of_trunk, joined_seqs
from journeyman.journal.projection.budget_rows import set_aside, settle, settle_all
from journeyman.journal.projection.thread_rows import (
    free_slot,
    history_summarized,
    known_thread,
    new_thread,
    number_message,
    patch_global,
    patch_thread,
)
from journeyman.journal.tables import Run, Tables

# --- the life of a run


def run_accepted(tables: Tables, entry: Entry, event: RunAccepted) -> None:
    thread = tables.thread(event.thread)
    if thread is None:
        thread = new_thread(event.thread, event.principal, entry.at)
    run = Run(
        id=entry.stream,
        thread=event.thread,
        principal=event.principal,
        accepted_no=tables.accepted_no(entry.stream),
        accepted_at=entry.at,
        agent=event.agent,
        version=event.version,
        parent=event.parent.run_id if event.parent else None,
        direct=event.direct is not None,
        has_input=event.input is not None,
        copied=event.copied,
        request_id=event.request_id,
        trace_id=event.trace_id,
        key=event.key,
        last_seq=entry.seq,
    )
    thread.queue.append(run.id)
    tables.save_thread(thread)
    tables.save_run(run)


def _started(tables: Tables, entry: Entry, event: RunStarted, run: Run) -> None:
    run.status = "running"
    run.started_at = entry.at
    tables.save_run(run)
    thread = known_thread(tables, run.thread)
    thread.queue.remove(run.id)
    thread.active_run = run.id
    thread.updated_at = entry.at
    if run.has_input and not run.direct:
        number_message(tables, thread, run.id, 1)
    tables.save_thread(thread)


def _paused(tables: Tables, entry: Entry, event: RunPaused, run: Run) -> None:
    """A run whose writer did not know yet of an answer or a cancel does not rest: after a crash it must be found."""
    answered = not all(_is_open(tables, run, approval) for approval in event.waiting_for)
    alone = run.copied > 0 and not event.waiting_for  # a fork does not wait for the children of its parent
    overtaken = answered or alone or _cancel_stands(tables, run, entry.seq)
    run.status = "running" if overtaken else "paused"
    tables.save_run(run)


def _is_open(tables: Tables, run: Run, approval: str) -> bool:
    """Does the approval, of the run or of a child, still wait for its answer?"""
    if approval in run.open_approvals:
        return True
    row = tables.approval(approval)
    return row is not None and row.run != run.id and row.answer is None


def _cancel_stands(tables: Tables, run: Run, until: int) -> bool:
    return any(before.type == "cancel_requested" for before in tables.entries(run.id, 0, until))


def _resumed(tables: Tables, entry: Entry, event: RunResumed, run: Run) -> None:
    """What was set aside by a process that is gone is charged: its calls may have been answered."""
    run.status = "running"
    settle_all(tables, run)
    tables.save_run(run)


def _forked(tables: Tables, entry: Entry, event: RunForked, run: Run) -> None:
    """The copies end here, but for one that is a copy itself: from now on it is a run of its own time."""
    if entry.seq <= run.copied or not run.copied:
        return
    run.copied = 0
    run.accepted_at = run.started_at = entry.at
    tables.save_run(run)
    thread = known_thread(tables, run.thread)
    thread.updated_at = entry.at
    tables.save_thread(thread)


def _finished(tables: Tables, entry: Entry, event: RunFinished, run: Run) -> None:
    _end(tables, entry, run, "finished")


def _failed(tables: Tables, entry: Entry, event: RunFailed, run: Run) -> None:
    _end(tables, entry, run, "failed", event.error)


def _cancelled(tables: Tables, entry: Entry, event: RunCancelled, run: Run) -> None:
    _end(tables, entry, run, "cancelled")


def _end(tables: Tables, entry: Entry, run: Run, status: RunStatus, error: Failure | None = None) -> None:
    run.status = status
    run.ended_at = entry.at
    if error is not None:
        run.error_code, run.error_id = error.code, error.error_id
    for id in run.open_approvals:
        if (row := tables.approval(id)) is not None:
            tables.save_approval(msgspec.structs.replace(row, answer="closed"))
    run.open_approvals = []
    settle_all(tables, run)
    tables.save_run(run)
    _wake_parents(tables, run)
    free_slot(tables, known_thread(tables, run.thread), run, entry.at)


# --- steps


def _spoken(tables: Tables, entry: Entry, event: MessageAdded | ModelReplied | ToolCallFinished, run: Run) -> None:
    if not run.direct and is_of_trunk(event):
        number_message(tables, known_thread(tables, run.thread), entry.stream, entry.seq)


def _replied(tables: Tables, entry: Entry, event: ModelReplied, run: Run) -> None:
    settle(tables, run, event.call, event)
    _spoken(tables, entry, event, run)


def _model_failed(tables: Tables, entry: Entry, event: ModelFailed, run: Run) -> None:
    settle(tables, run, event.call, event)


def _node_entered(tables: Tables, entry: Entry, event: NodeEntered, run: Run) -> None:
    """A join into the trunk: the branches' messages get their numbers, in the order of the edge."""
    if not event.joins or joined_into(event.path.branch, event.joins):
        return
    thread = known_thread(tables, run.thread)
    for seq in joined_seqs(tables.entries(run.id, 0, entry.seq), entry.seq):
        number_message(tables, thread, run.id, seq)
    tables.save_thread(thread)


def _replaced(tables: Tables, entry: Entry, event: MessageReplaced, run: Run) -> None:
    tables.replace_message(run.thread, entry.stream, event.seq, entry.seq)


def _model_called(tables: Tables, entry: Entry, event: ModelCalled, run: Run) -> None:
    thread = known_thread(tables, run.thread)
    if thread.window_from != event.first_no:
        thread.window_from = event.first_no
        tables.save_thread(thread)
    if event.reserved is not None and not run.copied:
        set_aside(tables, run, event.call, event.reserved)


def _context_changed(tables: Tables, entry: Entry, event: ContextChanged, run: Run) -> None:
    if event.scope == "global":
        if not run.copied:  # the parent did it
            patch_global(tables, run.principal, event)
    else:
        patch_thread(tables, known_thread(tables, run.thread), event)


def _approval_requested(tables: Tables, entry: Entry, event: ApprovalRequested, run: Run) -> None:
    run.open_approvals.append(event.approval)
    tables.save_approval(approval_row(run, entry, event))


def _approval_given(tables: Tables, entry: Entry, event: ApprovalGiven, run: Run) -> None:
    if event.approval not in run.open_approvals:  # answered before; the first answer stands
        return
    run.open_approvals.remove(event.approval)
    _make_runnable(tables, run)
    row = tables.approval(event.approval)
    assert row is not None, event.approval
    tables.save_approval(msgspec.structs.replace(row, answer=event.decision, answered_by=event.by))


def _cancel_requested(tables: Tables, entry: Entry, event: CancelRequested, run: Run) -> None:
    _make_runnable(tables, run)


def _make_runnable(tables: Tables, run: Run) -> None:
    """A paused run that got what it waited for is one to be resumed: after a crash, recovery finds it by its status."""
    if run.status == "paused":
        run.status = "running"
        tables.save_run(run)
    _wake_parents(tables, run)


def _wake_parents(tables: Tables, run: Run) -> None:
    """What happens to a child lets those go on that wait for it."""
    while run.parent is not None and (above := tables.run(run.parent)) is not None:
        if above.status == "paused":
            above.status = "running"
            tables.save_run(above)
        run = above


# --- outside a run


IN_RUN: dict[type[Any], Callable[[Tables, Entry, Any, Run], None]] = {
    RunStarted: _started,
    RunPaused: _paused,
    RunResumed: _resumed,
    RunForked: _forked,
    RunFinished: _finished,
    RunFailed: _failed,
    RunCancelled: _cancelled,
    ModelCalled: _model_called,
    HistorySummarized: history_summarized,
    ModelReplied: _replied,
    ModelFailed: _model_failed,
    ToolCallFinished: _spoken,
    MessageAdded: _spoken,
    NodeEntered: _node_entered,
    MessageReplaced: _replaced,
    ContextChanged: _context_changed,
    ApprovalRequested: _approval_requested,
    ApprovalGiven: _approval_given,
    CancelRequested: _cancel_requested,
}
