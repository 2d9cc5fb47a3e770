"""Event -> rows: the one place that knows which rows an event makes.

Fed with all entries in the order of their appending, `project` makes the same rows again; only `Run.epoch` (raised
by take-overs), claims, definitions and what erased runs did to a global context are not in the events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from journeyman.events.charging import charge
from journeyman.events.codec import Entry
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    CancelRequested,
    ContextChanged,
    Event,
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
    ThreadCreated,
    ToolCallFinished,
)
from journeyman.events.merge_patch import merge_patch
from journeyman.events.transcript import stored_message
from journeyman.events.graph_position import joined_into
from journeyman.journal.projection.approval_rows import approval_row
from journeyman.journal.projection.branch_messages import is_of_trunk, joined_seqs
from journeyman.journal.journal import RunStatus
from journeyman.journal.projection.budget_rows import set_aside, settle, settle_all, spend
from journeyman.journal.tables import Run, Tables, Thread

THREAD = "thread:"
PRINCIPAL = "principal:"


def is_run(stream: str) -> bool:
    return not stream.startswith((THREAD, PRINCIPAL))


def project(tables: Tables, entry: Entry, event: Event) -> None:
    """Change the rows as this entry says. `event` is the entry's event, decoded."""
    if entry.stream.startswith(THREAD):
        if (in_thread := _IN_THREAD.get(type(event))) is not None:
            in_thread(tables, entry, event)
    elif entry.stream.startswith(PRINCIPAL):
        if type(event) is ContextChanged:
            _patch_global(tables, entry.stream[len(PRINCIPAL) :], event)
    elif type(event) is RunAccepted:
        _accepted(tables, entry, event)
    else:
        project_step(tables, entry, event, known_run(tables, entry.stream))


def project_step(tables: Tables, entry: Entry, event: Event, run: Run) -> None:
    """`project` for an event of an accepted run."""
    run.last_seq = entry.seq
    if (in_run := _IN_RUN.get(type(event))) is not None:
        in_run(tables, entry, event, run)


def known_run(tables: Tables, id: str) -> Run:
    run = tables.run(id)
    assert run is not None, id
    return run


def known_thread(tables: Tables, key: str) -> Thread:
    thread = tables.thread(key)
    assert thread is not None, key
    return thread


# --- the life of a run


def _accepted(tables: Tables, entry: Entry, event: RunAccepted) -> None:
    thread = tables.thread(event.thread)
    if thread is None:
        thread = _new_thread(event.thread, event.principal, entry.at)
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


def _new_thread(key: str, principal: str, at: int) -> Thread:
    return Thread(key=key, principal=principal, thread_id=key.rpartition("/")[2], created_at=at, updated_at=at)


def _started(tables: Tables, entry: Entry, event: RunStarted, run: Run) -> None:
    run.status = "running"
    run.started_at = entry.at
    tables.save_run(run)
    thread = known_thread(tables, run.thread)
    thread.queue.remove(run.id)
    thread.active_run = run.id
    thread.updated_at = entry.at
    if run.has_input and not run.direct:
        _number(tables, thread, run.id, 1)
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
    _free_slot(tables, known_thread(tables, run.thread), run, entry.at)


def _free_slot(tables: Tables, thread: Thread, run: Run, at: int) -> None:
    if thread.active_run != run.id:  # it was cancelled before it started
        thread.queue.remove(run.id)
        return
    thread.active_run = None
    thread.updated_at = at
    if thread.pending:
        for stream, seq in thread.pending:
            if is_pinned(tables, stream, seq):
                thread.pinned.append(thread.next_no)
            _number(tables, thread, stream, seq)
        thread.pending = []
        tables.drop_pending(thread.key)
    tables.save_thread(thread)


# --- steps


def _number(tables: Tables, thread: Thread, stream: str, seq: int) -> None:
    tables.add_message(thread.key, thread.next_no, stream, seq)
    thread.next_no += 1


def is_pinned(tables: Tables, stream: str, seq: int) -> bool:
    """Is the message that this event made pinned?"""
    message = stored_message(tables.entries(stream, seq - 1, 1)[0].event)
    return message is not None and message.pinned


def _spoken(tables: Tables, entry: Entry, event: MessageAdded | ModelReplied | ToolCallFinished, run: Run) -> None:
    if not run.direct and is_of_trunk(event):
        _number(tables, known_thread(tables, run.thread), entry.stream, entry.seq)


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
        _number(tables, thread, run.id, seq)
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


def _summarized(tables: Tables, entry: Entry, event: HistorySummarized, run: Run | None = None) -> None:
    thread = known_thread(tables, run.thread if run else entry.stream[len(THREAD) :])
    if event.text:
        thread.summary = (entry.stream, entry.seq)
        thread.window_from = max(thread.window_from, event.last_no + 1)
        tables.save_thread(thread)
    if event.reserved is not None and run is not None and not run.copied:
        spend(tables, event.reserved, *charge(event.reserved, event))


def _context_changed(tables: Tables, entry: Entry, event: ContextChanged, run: Run) -> None:
    if event.scope == "global":
        if not run.copied:  # the parent did it
            _patch_global(tables, run.principal, event)
    else:
        _patch_thread(tables, known_thread(tables, run.thread), event)


def _patch_thread(tables: Tables, thread: Thread, event: ContextChanged) -> None:
    thread.context = merge_patch(thread.context, event.patch)
    tables.save_thread(thread)


def _patch_global(tables: Tables, principal: str, event: ContextChanged) -> None:
    tables.save_global_context(principal, merge_patch(tables.global_context(principal), event.patch))


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


def _thread_created(tables: Tables, entry: Entry, event: ThreadCreated) -> None:
    thread = _new_thread(entry.stream[len(THREAD) :], event.principal, entry.at)
    thread.title, thread.meta = event.title, event.meta
    tables.save_thread(thread)


def _thread_message(tables: Tables, entry: Entry, event: MessageAdded) -> None:
    thread = known_thread(tables, entry.stream[len(THREAD) :])
    if thread.active_run is None:
        if event.message.pinned:
            thread.pinned.append(thread.next_no)
        _number(tables, thread, entry.stream, entry.seq)
    else:
        thread.pending.append((entry.stream, entry.seq))
        tables.add_pending(thread.key, entry.stream, entry.seq)
    thread.updated_at = entry.at
    tables.save_thread(thread)


def _thread_replaced(tables: Tables, entry: Entry, event: MessageReplaced) -> None:
    thread = known_thread(tables, entry.stream[len(THREAD) :])
    old, new = (entry.stream, event.seq), (entry.stream, entry.seq)
    thread.pending = [new if place == old else place for place in thread.pending]
    tables.replace_message(thread.key, entry.stream, event.seq, entry.seq)


def _thread_context(tables: Tables, entry: Entry, event: ContextChanged) -> None:
    thread = known_thread(tables, entry.stream[len(THREAD) :])
    thread.updated_at = entry.at
    _patch_thread(tables, thread, event)


_IN_RUN: dict[type[Any], Callable[[Tables, Entry, Any, Run], None]] = {
    RunStarted: _started,
    RunPaused: _paused,
    RunResumed: _resumed,
    RunForked: _forked,
    RunFinished: _finished,
    RunFailed: _failed,
    RunCancelled: _cancelled,
    ModelCalled: _model_called,
    HistorySummarized: _summarized,
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
_IN_THREAD: dict[type[Any], Callable[[Tables, Entry, Any], None]] = {
    ThreadCreated: _thread_created,
    HistorySummarized: _summarized,
    MessageAdded: _thread_message,
    MessageReplaced: _thread_replaced,
    ContextChanged: _thread_context,
}
