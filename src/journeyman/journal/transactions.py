"""The transactions, written once over `Tables` for every backend.

A batch is checked completely before its first write. So a refused batch changes nothing, and the other batches of its
group commit need no rollback. Errors of `check` are for the caller of the batch. An error of `write` is a bug or a
fault of the disk, and the backend rolls back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import msgspec

from journeyman.errors import (
    HistoryUnreadableError,
    NotFoundError,
    QueueFullError,
    StaleEpochError,
    StateError,
    ThreadBusyError,
)
from journeyman.events.attachments import HOLDERS, attached_files
from journeyman.events.codec import Codec, Draft, Entry
from journeyman.events.events import (
    END_TYPES,
    ApprovalGiven,
    ApprovalRequested,
    CancelRequested,
    ContextChanged,
    Event,
    MessageAdded,
    RunAccepted,
    RunStarted,
    ThreadCreated,
    ThreadErased,
)
from journeyman.events.streams import EventRef, ThreadRef, is_run, is_thread, principal_stream, thread_key_of
from journeyman.journal.crash_counting import count_crashes
from journeyman.journal.idempotency import replayed_result
from journeyman.journal.journal import Append, Batch, Committed, FileRow, IdempotencyClaim, RunRow, Suspect
from journeyman.journal.projection.project import project, project_step
from journeyman.journal.projection.thread_rows import is_pinned
from journeyman.journal.tables import Run, Tables, Thread, require_run, require_thread

CANCEL_REQUESTED = "cancel_requested"  # code of the refusal of an end behind a cancel
MOST_PINNED = 16  # pinned messages of one thread: every model call sees them all
ERASED_AT_ONCE = 500  # rows per transaction of an erasure, so that other batches wait for milliseconds only


class Transactions:
    """Checks and writes batches. Not reentrant: one transaction at a time."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._codec = Codec()  # knows no secrets: it encodes only values that were masked when they were stored

    def commit(self, batch: Batch) -> Committed:
        """Check the batch, then write it. Writes nothing if the batch repeats an earlier request."""
        replay = self.check(batch)
        return Committed(replay=replay) if replay is not None else self.write(batch)

    # --- checks

    def check(self, batch: Batch) -> str | None:
        """Raise the error for which the batch must be refused, if there is one.

        Returns what the earlier batch made if this one repeats it (by its idempotency record), else None.
        """
        if batch.claim is not None and (replay := self._replay(batch.claim, batch.at)) is not None:
            return replay
        effects = _Effects()
        for append in batch.appends:
            self._check(append, batch, effects)
        if batch.files:
            self._check_space(batch)
        return None

    def _check_space(self, batch: Batch) -> None:
        """Check that the principals of new files have room for them."""
        taken: dict[str, int] = {}
        for row in batch.files:
            if self._tables.file_with(row.principal, row.sha256) is None:
                used = taken.get(row.principal) or self._tables.file_bytes(row.principal)
                taken[row.principal] = used + row.charged
        if any(used > batch.most_file_bytes for used in taken.values()):
            raise files_full(batch.most_file_bytes)

    def _replay(self, claim: IdempotencyClaim, at: int) -> str | None:
        if claim.replaces:
            return None
        stored = self._tables.claim(claim.principal, claim.route, claim.key)
        return replayed_result(stored, claim, at)

    def _check(self, append: Append, batch: Batch, effects: _Effects) -> None:
        stream, drafts = append.stream, append.drafts
        if not is_run(stream):
            self._check_thread(append, effects)
        elif drafts and drafts[0].type == "run_accepted":
            event = drafts[0].event
            assert isinstance(event, RunAccepted)
            self._check_accept(stream, event, batch, effects)
            self._check_steps(drafts[1:], effects, may_end=False, forks=event.copied > 0)
            self._check_files(drafts, event.principal)
        else:
            self._check_run(append, effects)

    def _check_run(self, append: Append, effects: _Effects) -> None:
        run = self._tables.run(append.stream)
        if run is None:
            raise NotFoundError(f"There is no run {append.stream!r}.")
        if not run.open or run.id in effects.ended:
            self._check_ended(run, append)
        elif append.epoch is None:
            self._check_external(run, append.drafts, effects)
        else:
            _check_epoch(run, append.epoch)
            effects.stepped.add(run.id)
            if run.status == "queued":
                _check_queued(append.drafts)
            self._check_steps(append.drafts, effects, may_end=True)
            if append.drafts and append.drafts[-1].type in END_TYPES:
                self._check_end(run, append)
                effects.ended.add(run.id)

    def _check_end(self, run: Run, append: Append) -> None:
        """Refuse the end of a run whose writer does not know yet that a cancel was acknowledged, unless it is that."""
        if append.known >= run.last_seq or append.drafts[-1].type == "run_cancelled":
            return
        unknown = self._tables.entries(append.stream, append.known, run.last_seq - append.known)
        if any(entry.type == "cancel_requested" for entry in unknown):
            text = "A cancel of this run was recorded before its end. Record run_cancelled instead."
            raise StateError(text, code=CANCEL_REQUESTED)

    def _check_accept(self, run_id: str, event: RunAccepted, batch: Batch, effects: _Effects) -> None:
        if run_id in effects.runs or self._tables.run(run_id) is not None:
            raise StateError(f"The run {run_id!r} was already accepted. Give every run its own id.")
        if event.parent is not None and event.parent.run_id not in effects.stepped:
            raise StateError("A child run needs a step of its parent before it in the same batch.", code="unfenced")
        thread = self._tables.thread(event.thread)
        ahead = effects.accepted.get(event.thread, 0)
        effects.runs.add(run_id)
        effects.threads.add(event.thread)
        effects.accepted[event.thread] = ahead + 1
        if thread is not None and thread.erasing:
            raise _being_erased(event.thread)
        if batch.most_runs and event.parent is None:
            self._check_most_runs(batch)
        if event.retries is not None:
            self._check_retry(event.thread, event.retries)
        elif thread is not None and event.copied:
            raise _thread_exists(event.thread)
        if thread is not None and thread.unreadable:
            raise _unreadable(thread)
        if (thread is not None and thread.active_run is not None) or ahead:
            _check_busy(thread, event, batch, ahead)

    def _check_retry(self, thread: str, retried: str) -> None:
        """Check that no run has started on the thread since the one that is to be retried."""
        last = self._tables.last_started(thread) if self._tables.thread(thread) is not None else None
        if last != retried:
            text = (
                f"Thread {ThreadRef.parse(thread).id!r} has gone on: a later run has started on it."
                f" Fork run {retried} instead (`POST /runs/{retried}/fork`), which makes a new thread."
            )
            raise StateError(text, code="thread_moved_on")

    def _check_most_runs(self, batch: Batch) -> None:
        for limit in batch.most_runs:
            if self._tables.at_work(limit.owner, limit.name) >= limit.most:
                text = (
                    f"{limit.most} runs of this {limit.owner} are already queued or running, and its quota allows no"
                    " more. Try again when one has ended."
                )
                raise QueueFullError(text, code="too_many_runs", retry_after=1)

    def _check_thread(self, append: Append, effects: _Effects) -> None:
        if not is_thread(append.stream):
            return
        key = thread_key_of(append.stream)
        thread = self._tables.thread(key)
        if thread is not None and thread.erasing:
            raise _being_erased(key)
        exists = thread is not None or key in effects.threads
        if thread is not None:
            self._check_pins(thread, append.drafts)
        creates = bool(append.drafts) and isinstance(append.drafts[0].event, ThreadCreated)
        if creates and exists:
            raise _thread_exists(key)
        if not creates and not exists:
            raise NotFoundError(f"There is no thread {ThreadRef.parse(key).id!r}.")
        self._check_files(append.drafts, ThreadRef.parse(key).principal)
        effects.threads.add(key)

    def _check_files(self, drafts: Sequence[Draft], principal: str) -> None:
        """Check that the principal has the files that the events name."""
        for draft in drafts:
            for id in attached_files(draft.event) if type(draft.event) in HOLDERS else ():
                row = self._tables.file(id)
                if row is None or row.principal != principal:
                    raise no_file(id)

    def _check_pins(self, thread: Thread, drafts: Sequence[Draft]) -> None:
        if not any(isinstance(draft.event, MessageAdded) and draft.event.message.pinned for draft in drafts):
            return
        pending = sum(is_pinned(self._tables, stream, seq) for stream, seq in thread.pending)
        if len(thread.pinned) + pending >= MOST_PINNED:
            text = (
                f"Thread {thread.thread_id!r} already has {MOST_PINNED} pinned messages."
                " Put what matters into its context, or start another thread."
            )
            raise StateError(text, code="too_many_pinned")

    def _check_steps(self, drafts: Sequence[Draft], effects: _Effects, may_end: bool, forks: bool = False) -> None:
        for number, draft in enumerate(drafts, 1):
            if draft.type in END_TYPES and not (may_end and number == len(drafts)):
                raise StateError(f"{draft.type} must be the last event of its run.", code="run_ended")
            if draft.type in ("run_accepted", "run_started") and not (forks and draft.type == "run_started"):
                raise StateError(f"{draft.type} is not a step: the journal appends it itself.", code="unfenced")
            if isinstance(draft.event, ApprovalRequested):
                self._check_new_approval(draft.event.approval, effects)

    def _check_new_approval(self, id: str, effects: _Effects) -> None:
        if id in effects.requested or self._tables.approval(id) is not None:
            raise StateError(f"The approval {id!r} was already requested. Give every approval its own id.")
        effects.requested.add(id)

    def _check_ended(self, run: Run, append: Append) -> None:
        if append.epoch is not None:
            _check_epoch(run, append.epoch)
        for draft in append.drafts:
            if isinstance(draft.event, ApprovalGiven):
                self._refuse_answer(run, draft.event)
        raise StateError("The run has ended.", code="run_ended")

    def _check_external(self, run: Run, drafts: Sequence[Draft], effects: _Effects) -> None:
        for draft in drafts:
            event = draft.event
            if isinstance(event, ApprovalGiven):
                if event.approval not in run.open_approvals or event.approval in effects.answered:
                    self._refuse_answer(run, event)
                effects.answered.add(event.approval)
            elif not isinstance(event, CancelRequested):
                raise StateError(f"{draft.type} can only be appended under the run's epoch.", code="unfenced")

    def _refuse_answer(self, run: Run, event: ApprovalGiven) -> NoReturn:
        row = self._tables.approval(event.approval)
        if row is None or row.run != run.id:
            raise NotFoundError(f"There is no approval {event.approval!r}.")
        raise StateError("The approval was already answered, or its run has ended.", code="approval_closed")

    # --- writes

    def write(self, batch: Batch) -> Committed:
        """Append the events of a checked batch, and those that follow from them."""
        entries: list[Entry] = []
        external: list[Entry] = []
        for append in batch.appends:
            if append.epoch is not None and is_run(append.stream):
                self._collect_external(append, external)
            self._append_all(append, batch, entries)
        if batch.claim is not None:
            self._tables.save_claim(_fulfilled(batch.claim, entries), batch.at)
        for definition in batch.definitions:
            self._tables.add_definition(definition)
        for row in batch.api_keys:
            self._tables.save_api_key(row)
        for file in batch.files:
            self._save_file(file)
        for output in batch.outputs:
            if self._tables.run(output.run) is not None:  # else it was erased meanwhile
                self._tables.save_output(output)
        return Committed(entries=tuple(entries), external=tuple(external))

    def _save_file(self, row: FileRow) -> None:
        """Store a file, or that it was uploaded again."""
        known = self._tables.file_with(row.principal, row.sha256)
        if known is None:
            self._tables.add_file(row)
        elif known.unused_since is not None and row.unused_since is not None:
            self._tables.set_unused(known.id, row.unused_since)

    def _collect_external(self, append: Append, external: list[Entry]) -> None:
        run = self._tables.run(append.stream)
        if run is not None and append.known < run.last_seq:
            external.extend(self._tables.entries(append.stream, append.known, run.last_seq - append.known))

    def _append_all(self, append: Append, batch: Batch, entries: list[Entry]) -> None:
        drafts = append.drafts
        if not drafts:
            return
        if append.times:
            self._append_copies(append, batch, entries)
        elif not is_run(append.stream):
            entries.extend([self._append(append.stream, draft, batch.at) for draft in drafts])
        elif drafts[0].type == "run_accepted":
            entries.extend(self._interrupt(drafts[0].event, batch.at))
            entries.append(self._append(append.stream, drafts[0], batch.at, seq=1))
            run = require_run(self._tables, append.stream)
            run.epoch = batch.epoch
            entries.extend([self._step(run, draft, batch.at) for draft in drafts[1:]])
            self._start_next(require_thread(self._tables, run.thread), batch, entries, drafts[0].event)
        else:
            run = require_run(self._tables, append.stream)
            entries.extend([self._step(run, draft, batch.at) for draft in drafts])
            if drafts[-1].type in END_TYPES:
                self._start_next(require_thread(self._tables, run.thread), batch, entries)

    def _interrupt(self, event: Event, at: int) -> list[Entry]:
        """Cancel every open run of the thread on which an interrupting run is accepted.

        This happens in one transaction with the acceptance. The new run waits behind the others, but as none of them
        takes another step, it is the next to start.
        """
        assert isinstance(event, RunAccepted)
        thread = self._tables.thread(event.thread) if event.multitask == "interrupt" else None
        if thread is None or thread.active_run is None:
            return []
        draft = self._codec.draft(CancelRequested(by=event.principal, reason="interrupted"))
        runs = [require_run(self._tables, id) for id in (thread.active_run, *thread.queue)]
        return [self._step(run, draft, at) for run in runs]

    def _append_copies(self, append: Append, batch: Batch, entries: list[Entry]) -> None:
        """Append copied events with their old times, then new events: a fork or its thread."""
        times = (*append.times, *(batch.at for _ in append.drafts[len(append.times) :]))
        next_seq = self._tables.last_seq(append.stream) + 1
        for seq, (draft, at) in enumerate(zip(append.drafts, times, strict=True), next_seq):
            entries.append(self._append(append.stream, draft, at, seq))
            if draft.type == "run_accepted":
                require_run(self._tables, append.stream).epoch = batch.epoch  # saved with the copied RunStarted

    def _append(self, stream: str, draft: Draft, at: int, seq: int = 0) -> Entry:
        entry = Entry(stream, seq or self._tables.last_seq(stream) + 1, draft.type, draft.v, at, draft.data)
        self._tables.append(entry)
        project(self._tables, entry, draft.event)
        return entry

    def _step(self, run: Run, draft: Draft, at: int) -> Entry:
        entry = Entry(run.id, run.last_seq + 1, draft.type, draft.v, at, draft.data)
        self._tables.append(entry)
        project_step(self._tables, entry, draft.event, run)
        return entry

    def _start_next(self, thread: Thread, batch: Batch, entries: list[Entry], newest: Event | None = None) -> None:
        """Start the run that has waited longest, if the slot is free. `newest`: the youngest run's RunAccepted."""
        if thread.active_run is not None or not thread.queue:
            return
        run = require_run(self._tables, thread.queue[0])
        run.epoch = max(run.epoch, batch.epoch)
        accepted = newest if newest is not None and len(thread.queue) == 1 else self._accepted(run)
        entries.append(self._step(run, self._codec.draft(self._started(run, thread)), batch.at))
        if isinstance(accepted, RunAccepted) and accepted.context:
            changed = ContextChanged(scope="thread", patch=accepted.context)
            entries.append(self._step(run, self._codec.draft(changed), batch.at))

    def _accepted(self, run: Run) -> Event | None:
        """Return the first event of a run, or None if it cannot be read: the run is started, and ends by that."""
        try:
            return self._tables.entries(run.id, 0, 1)[0].event
        except HistoryUnreadableError:
            return None

    def _started(self, run: Run, thread: Thread) -> RunStarted:
        return RunStarted(
            epoch=run.epoch,
            first_no=thread.window_from,
            last_no=thread.next_no - 1,
            summary=thread.summary[1] if thread.summary else None,
            summary_stream=thread.summary[0] if thread.summary else "",
            pinned=tuple(thread.pinned),
            thread_context=thread.context,
            global_context=self._tables.global_context(thread.principal),
        )

    # --- take-over and erasure

    def take_over(self, epoch: int) -> Sequence[RunRow]:
        """Raise every open run to `epoch`. Returns those that hold their thread's slot, oldest first.

        If the process before this one ended uncleanly, that is counted against the runs whose steps it was performing.
        """
        runs = self._tables.open_runs()
        count_crashes(self._tables, runs)
        for run in runs:
            run.epoch = epoch
            self._tables.save_run(run)
        return [run.row() for run in runs if run.status != "queued"]

    def suspects(self) -> Sequence[Suspect]:
        """Return the running runs that were counted against, as `Journal.suspects` does."""
        return self._tables.suspects()

    def note_alone(self, run_id: str | None, epoch: int) -> None:
        """Note that this run alone is driven in this epoch. None: no run is alone."""
        self._tables.save_alone(run_id, epoch)

    def drop_crash_counts(self) -> None:
        """Count from zero again for every run."""
        self._tables.drop_crash_counts(ended_only=False)

    def note_clean_end(self, epoch: int) -> None:
        """Note that the process of this epoch ends on purpose."""
        self._tables.save_clean_epoch(epoch)

    def note_lack(self, run_id: str, lacks: str | None) -> None:
        """Note in the row of an open run what the run lacks, without an event. None: nothing."""
        run = self._tables.run(run_id)
        if run is not None and run.open:
            run.lacks = lacks
            self._tables.save_run(run)

    def begin_erasure(self, key: str, at: int, by: str) -> Entry | None:
        """Append the tombstone of a thread and refuse everything else on the thread from now on.

        Returns None if there is no such thread. Raises StateError (`run_active`) while one of its runs is open.
        """
        thread = self._tables.thread(key)
        if thread is None or thread.erasing:
            return None
        if thread.active_run is not None or thread.queue:
            text = f"Thread {thread.thread_id!r} has a run that has not ended. Cancel it first."
            raise StateError(text, code="run_active")
        thread.erasing = True
        self._tables.save_thread(thread)
        draft = self._codec.draft(ThreadErased(thread=key, by=by))
        return self._append(principal_stream(thread.principal), draft, at)

    def collect_files(self, before: int, limit: int) -> Sequence[str]:
        """Delete at most `limit` unused files that were last uploaded before this time (µs). Returns their ids."""
        return self._tables.collect_files(before, limit)

    def erase_some(self, key: str) -> bool:
        """Delete some rows of a thread that is being erased. Returns True once nothing is left."""
        return self._tables.erase_some(key, ERASED_AT_ONCE)


class _Effects:
    """What the appends of a batch that were checked so far will change, for the check of the later ones."""

    __slots__ = ("accepted", "answered", "ended", "requested", "runs", "stepped", "threads")

    def __init__(self) -> None:
        self.runs: set[str] = set()  # accepted runs
        self.ended: set[str] = set()  # ended runs
        self.stepped: set[str] = set()  # runs that got events under their epoch
        self.threads: set[str] = set()  # threads that exist by then
        self.accepted: dict[str, int] = {}  # thread -> number of accepted runs
        self.requested: set[str] = set()  # requested approvals
        self.answered: set[str] = set()  # answered approvals


def _fulfilled(claim: IdempotencyClaim, entries: Sequence[Entry]) -> IdempotencyClaim:
    """Return the idempotency record with what its batch made: by default, the first event."""
    if claim.made or not entries:
        return claim
    return msgspec.structs.replace(claim, made=EventRef(entries[0].stream, entries[0].seq).key)


def _check_busy(thread: Thread | None, event: RunAccepted, batch: Batch, ahead: int) -> None:
    """Check that another run may wait on a busy thread, behind `ahead` runs of the same batch."""
    thread_id = ThreadRef.parse(event.thread).id
    if event.multitask == "reject":
        raise ThreadBusyError(
            f"Thread {thread_id!r} already has a run in progress."
            ' Wait for it, or send `"multitask": "queue"` or `"interrupt"`.'
        )
    waiting = ahead + (len(thread.queue) if thread is not None else 0)
    if thread is None or thread.active_run is None:
        waiting -= 1  # the first run of this batch takes the slot
    if event.multitask == "interrupt":
        waiting -= batch.max_queued  # the runs that it cancels may still wait
    if waiting >= batch.max_queued:
        raise QueueFullError(
            f"Thread {thread_id!r} already has {batch.max_queued} waiting runs. Try again when one has ended."
        )


def no_file(id: str) -> NotFoundError:
    """Return the error for a file that does not exist or belongs to another principal."""
    text = f"There is no file {id!r}. Send it with `POST /files`, and use the id of the answer within a day."
    return NotFoundError(text, code="file_not_found")


def files_full(most: int) -> StateError:
    """Return the error for a file that does not fit into its principal's space."""
    text = f"Your files would take more than {most} bytes. Delete threads whose files you no longer need."
    return StateError(text, code="files_full")


def _check_epoch(run: Run, epoch: int) -> None:
    if epoch != run.epoch:
        raise StaleEpochError(f"run {run.id} is under epoch {run.epoch}, not {epoch}: stop writing to it")


def _check_queued(drafts: Sequence[Draft]) -> None:
    for draft in drafts:
        if draft.type not in (*END_TYPES, "limit_reached"):
            raise StateError("The run has not started yet, so it can only be ended.", code="run_queued")


def _unreadable(thread: Thread) -> StateError:
    text = (
        f"The stored history of thread {thread.thread_id!r} cannot be read: a run on it has failed by that. Start"
        " another thread, or fork a run before the damaged event."
    )
    return StateError(text, code="history_unreadable")


def _being_erased(key: str) -> StateError:
    text = f"Thread {ThreadRef.parse(key).id!r} is being erased. Use another thread."
    return StateError(text, code="thread_erased")


def _thread_exists(key: str) -> StateError:
    text = f"Thread {ThreadRef.parse(key).id!r} already exists. Use it, or choose another id."
    return StateError(text, code="thread_exists")
