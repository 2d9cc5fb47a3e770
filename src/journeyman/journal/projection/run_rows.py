"""The rows of runs, from their acceptance to their end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from journeyman.events.codec import Entry
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    CancelRequested,
    ContextChanged,
    Failure,
    HistorySummarized,
    Lack,
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
from journeyman.journal.projection.approval_rows import answer_approval, close_approvals, is_waiting, request_approval
from journeyman.journal.projection.branch_messages import is_in_main_branch, joined_seqs
from journeyman.journal.projection.budget_rows import reserve, settle, settle_all
from journeyman.journal.projection.thread_rows import (
    free_slot,
    history_summarized,
    new_thread,
    number_message,
    patch_global,
    patch_thread,
)
from journeyman.journal.tables import Run, Tables, require_thread

# --- the life of a run


def run_accepted(tables: Tables, entry: Entry, event: RunAccepted) -> None:
    """Make the run's row and put the run at the end of its thread's queue. A thread that is new gets its row too."""
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
        retries=event.retries is not None,
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
    thread = require_thread(tables, run.thread)
    thread.queue.remove(run.id)
    thread.active_run = run.id
    thread.updated_at = entry.at
    if run.has_input and not run.direct:
        number_message(tables, thread, run.id, 1)
    tables.save_thread(thread)


def _paused(tables: Tables, entry: Entry, event: RunPaused, run: Run) -> None:
    """Pause the run, unless an answer or a cancel came before this event without its writer knowing.

    Such a run stays "running": its status is how recovery finds it after a crash.
    """
    answered = not all(is_waiting(tables, run, approval) for approval in event.waiting_for)
    # A fork does not wait for the children of its parent, nor for what the parent lacked.
    childless = run.copied > 0 and (not event.waiting_for or event.lacks is not None)
    runnable = answered or childless or _is_cancelled(tables, run, entry.seq)
    run.status = "running" if runnable else "paused"
    run.lacks = None if event.lacks is None or run.copied else lacks_of(event.lacks)
    if event.lacks is not None and not event.lacks.billed:
        run.reserved = {}  # nothing was asked of a model that could not be reached
    tables.save_run(run)


def lacks_of(lack: Lack) -> str:
    """Return what a run lacks as its row has it: `kind:name`."""
    return f"{lack.kind}:{lack.name}"


def _is_cancelled(tables: Tables, run: Run, before: int) -> bool:
    return any(entry.type == "cancel_requested" for entry in tables.entries(run.id, 0, before))


def _resumed(tables: Tables, entry: Entry, event: RunResumed, run: Run) -> None:
    """Charge what an earlier process reserved: the model may have answered its calls."""
    run.status = "running"
    settle_all(tables, run)
    if run.lacks is not None:
        run.lacks = None
        _wake_parents(tables, run)
    tables.save_run(run)


def _forked(tables: Tables, entry: Entry, event: RunForked, run: Run) -> None:
    """End the copied part of a fork: from here on, its events happen in the fork itself."""
    if entry.seq <= run.copied or not run.copied:  # a copy itself: the parent was a fork too
        return
    run.copied, run.retries = 0, False
    run.accepted_at = run.started_at = entry.at
    tables.save_run(run)
    thread = require_thread(tables, run.thread)
    thread.updated_at = entry.at
    tables.save_thread(thread)


def _finished(tables: Tables, entry: Entry, event: RunFinished, run: Run) -> None:
    _end(tables, entry, run, "finished")


def _failed(tables: Tables, entry: Entry, event: RunFailed, run: Run) -> None:
    if event.error.code == "history_unreadable" and not run.copied:
        thread = require_thread(tables, run.thread)
        thread.unreadable = True
        tables.save_thread(thread)
    _end(tables, entry, run, "failed", event.error)


def _cancelled(tables: Tables, entry: Entry, event: RunCancelled, run: Run) -> None:
    _end(tables, entry, run, "cancelled")


def _end(tables: Tables, entry: Entry, run: Run, status: RunStatus, error: Failure | None = None) -> None:
    run.status = status
    run.lacks = None
    run.ended_at = entry.at
    if error is not None:
        run.error_code, run.error_id = error.code, error.error_id
    close_approvals(tables, run)
    settle_all(tables, run)
    tables.save_run(run)
    _wake_parents(tables, run)
    free_slot(tables, require_thread(tables, run.thread), run, entry.at)


# --- steps


def _message_made(
    tables: Tables, entry: Entry, event: MessageAdded | ModelReplied | ToolCallFinished, run: Run
) -> None:
    if not run.direct and is_in_main_branch(event):
        number_message(tables, require_thread(tables, run.thread), entry.stream, entry.seq)


def _replied(tables: Tables, entry: Entry, event: ModelReplied, run: Run) -> None:
    settle(tables, run, event.call, event)
    _message_made(tables, entry, event, run)


def _model_failed(tables: Tables, entry: Entry, event: ModelFailed, run: Run) -> None:
    settle(tables, run, event.call, event)


def _node_entered(tables: Tables, entry: Entry, event: NodeEntered, run: Run) -> None:
    """At a join into the main branch, number the messages of the joined branches, in the order of the join's edge."""
    if not event.joins or joined_into(event.path.branch, event.joins):
        return
    thread = require_thread(tables, run.thread)
    for seq in joined_seqs(tables.entries(run.id, 0, entry.seq), entry.seq):
        number_message(tables, thread, run.id, seq)
    tables.save_thread(thread)


def _message_replaced(tables: Tables, entry: Entry, event: MessageReplaced, run: Run) -> None:
    tables.replace_message(run.thread, entry.stream, event.seq, entry.seq)


def _model_called(tables: Tables, entry: Entry, event: ModelCalled, run: Run) -> None:
    thread = require_thread(tables, run.thread)
    if thread.window_from != event.first_no:
        thread.window_from = event.first_no
        tables.save_thread(thread)
    if event.reserved is not None and not run.copied:
        reserve(tables, run, event.call, event.reserved)


def _context_changed(tables: Tables, entry: Entry, event: ContextChanged, run: Run) -> None:
    if event.scope == "global":
        if not run.copied:  # a copied event already changed it, in the parent
            patch_global(tables, run.principal, event)
    elif not run.retries:  # the same: the failed run changed it, on this thread
        patch_thread(tables, require_thread(tables, run.thread), event)


def _approval_requested(tables: Tables, entry: Entry, event: ApprovalRequested, run: Run) -> None:
    request_approval(tables, run, entry, event)


def _approval_given(tables: Tables, entry: Entry, event: ApprovalGiven, run: Run) -> None:
    if event.approval in run.open_approvals:  # else it was answered before: the first answer counts
        answer_approval(tables, run, event)
        _make_runnable(tables, run)


def _cancel_requested(tables: Tables, entry: Entry, event: CancelRequested, run: Run) -> None:
    _make_runnable(tables, run)


def _make_runnable(tables: Tables, run: Run) -> None:
    """Mark a paused run as running again, so that recovery finds it after a crash, and the runs that wait for it."""
    if run.status == "paused":
        run.status = "running"
        tables.save_run(run)
    _wake_parents(tables, run)


def _wake_parents(tables: Tables, run: Run) -> None:
    """Mark the paused runs that wait for this child run, directly or not, as running again."""
    while run.parent is not None and (parent := tables.run(run.parent)) is not None:
        if parent.status == "paused":
            parent.status = "running"
            tables.save_run(parent)
        run = parent


# For events in the stream of a run, except RunAccepted, which makes it.
RUN_HANDLERS: dict[type[Any], Callable[[Tables, Entry, Any, Run], None]] = {
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
    ToolCallFinished: _message_made,
    MessageAdded: _message_made,
    NodeEntered: _node_entered,
    MessageReplaced: _message_replaced,
    ContextChanged: _context_changed,
    ApprovalRequested: _approval_requested,
    ApprovalGiven: _approval_given,
    CancelRequested: _cancel_requested,
}
