"""The transactions, written once over `Tables`.

A batch is checked to its end before its first write, so a refused one leaves no trace and its neighbours in a group
commit need no rollback. What `check` raises is the caller's; what `write` raises is a fault of ours or of the disk,
and the backend rolls back.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from journeyman.errors import (
    NotFoundError,
    QueueFullError,
    StaleEpochError,
    StateError,
    ThreadBusyError,
)
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
from journeyman.events.streams import EventRef, is_run, is_thread, principal_stream, thread_key_of
from journeyman.journal.idempotency import replayed_run
from journeyman.journal.journal import Append, Batch, Committed, IdempotencyClaim, RunRow
from journeyman.journal.projection.project import known_run, project, project_step
from journeyman.journal.projection.thread_rows import is_pinned, known_thread
from journeyman.journal.tables import Run, Tables, Thread

MOST_PINNED = 16  # messages of one thread: each model call sees them all
ERASED_AT_ONCE = 500  # rows in one transaction of an erasure: keeps the writer free for others within milliseconds


class Transactions:
    """Checks and writes batches. Not reentrant: one transaction at a time."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._codec = Codec()  # only for events made of parts that were stored, hence cleaned, before

    def commit(self, batch: Batch) -> Committed:
        """`check`, then `write` unless the batch only repeats an earlier claim."""
        replay = self.check(batch)
        return Committed(replay=replay) if replay is not None else self.write(batch)

    # --- checks

    def check(self, batch: Batch) -> str | None:
        """Refuse the batch if it must be refused. Returns what its claim made before, if it did."""
        if batch.claim is not None and (replay := self._claimed(batch)) is not None:
            return replay
        ahead = _Ahead()
        for append in batch.appends:
            self._check(append, batch, ahead)
        return None

    def _claimed(self, batch: Batch) -> str | None:
        claim = batch.claim
        assert claim is not None
        first = self._tables.claim(claim.principal, claim.route, claim.key)
        return replayed_run(first, claim, batch.at)

    def _check(self, append: Append, batch: Batch, ahead: _Ahead) -> None:
        stream, drafts = append.stream, append.drafts
        if not is_run(stream):
            self._check_thread(append, ahead)
        elif drafts and drafts[0].type == "run_accepted":
            event = drafts[0].event
            assert isinstance(event, RunAccepted)
            self._check_accept(stream, event, batch, ahead)
            self._check_steps(drafts[1:], ahead, may_end=False, forks=event.copied > 0)
        else:
            run = self._tables.run(stream)
            if run is None:
                raise NotFoundError(f"there is no run {stream}")
            if not run.open or stream in ahead.ended:
                self._check_ended(run, append)
            elif append.epoch is None:
                self._check_outside(run, drafts, ahead)
            else:
                _check_epoch(run, append.epoch)
                ahead.stepped.add(stream)
                if run.status == "queued":
                    _check_queued(drafts)
                self._check_steps(drafts, ahead, may_end=True)
                if drafts and drafts[-1].type in END_TYPES:
                    ahead.ended.add(stream)

    def _check_accept(self, stream: str, event: RunAccepted, batch: Batch, ahead: _Ahead) -> None:
        if stream in ahead.runs or self._tables.run(stream) is not None:
            raise StateError(f"the run {stream} was accepted before: give every run an id of its own")
        if event.parent is not None and event.parent.run_id not in ahead.stepped:
            raise StateError("a child begins with a step of its parent: append both in one batch", code="unfenced")
        thread = self._tables.thread(event.thread)
        waiting = ahead.waiting.get(event.thread, 0)
        ahead.runs.add(stream)
        ahead.threads.add(event.thread)
        ahead.waiting[event.thread] = waiting + 1
        if thread is not None and thread.erasing:
            raise _erasing(event.thread)
        if batch.most_runs and event.parent is None:
            self._check_most_runs(batch)
        if thread is not None and event.copied:
            raise StateError("the thread exists already: a fork has a thread of its own", code="thread_exists")
        if (thread is None or thread.active_run is None) and not waiting:
            return
        if event.multitask == "reject":
            raise ThreadBusyError("the thread has a run: wait for its end, or send multitask 'queue' or 'interrupt'")
        if event.multitask == "interrupt":  # it takes the place of all that run or wait, so these count once more
            waiting -= batch.max_queued
        queued = len(thread.queue) if thread is not None else 0
        begins = thread is None or thread.active_run is None  # the first of this batch takes the slot
        if queued + waiting - begins >= batch.max_queued:
            raise QueueFullError(f"{batch.max_queued} runs already wait on this thread: try again when one has ended")

    def _check_most_runs(self, batch: Batch) -> None:
        for limit in batch.most_runs:
            if self._tables.at_work(limit.owner, limit.name) >= limit.most:
                text = f"{limit.most} runs of this {limit.owner} are at work, as many as its quota allows: wait for one"
                raise QueueFullError(text, code="too_many_runs", retry_after=1)

    def _check_thread(self, append: Append, ahead: _Ahead) -> None:
        if not is_thread(append.stream):
            return
        key = thread_key_of(append.stream)
        thread = self._tables.thread(key)
        if thread is not None and thread.erasing:
            raise _erasing(key)
        exists = thread is not None or key in ahead.threads
        if thread is not None:
            self._check_pins(thread, append.drafts)
        creates = bool(append.drafts) and isinstance(append.drafts[0].event, ThreadCreated)
        if creates and exists:
            raise StateError("the thread exists already: use it, or choose another id", code="thread_exists")
        if not creates and not exists:
            raise NotFoundError("there is no such thread")
        ahead.threads.add(key)

    def _check_pins(self, thread: Thread, drafts: Sequence[Draft]) -> None:
        if not any(isinstance(draft.event, MessageAdded) and draft.event.message.pinned for draft in drafts):
            return
        waiting = sum(is_pinned(self._tables, *place) for place in thread.pending)
        if len(thread.pinned) + waiting >= MOST_PINNED:
            text = f"the thread has {MOST_PINNED} pinned messages: put what matters into its context, or start another"
            raise StateError(text, code="too_many_pinned")

    def _check_steps(self, drafts: Sequence[Draft], ahead: _Ahead, may_end: bool, forks: bool = False) -> None:
        for place, draft in enumerate(drafts, 1):
            if draft.type in END_TYPES and not (may_end and place == len(drafts)):
                raise StateError("nothing can follow the end of a run", code="run_ended")
            if draft.type in ("run_accepted", "run_started") and not (forks and draft.type == "run_started"):
                raise StateError(f"{draft.type} is not a step: the journal places it itself", code="unfenced")
            if isinstance(draft.event, ApprovalRequested):
                self._check_new_approval(draft.event.approval, ahead)

    def _check_new_approval(self, id: str, ahead: _Ahead) -> None:
        if id in ahead.asked or self._tables.approval(id) is not None:
            raise StateError(f"the approval {id} was requested before: give every approval an id of its own")
        ahead.asked.add(id)

    def _check_ended(self, run: Run, append: Append) -> None:
        if append.epoch is not None:
            _check_epoch(run, append.epoch)
        for draft in append.drafts:
            if isinstance(draft.event, ApprovalGiven):
                self._refuse_answer(run, draft.event)
        raise StateError("the run has ended", code="run_ended")

    def _check_outside(self, run: Run, drafts: Sequence[Draft], ahead: _Ahead) -> None:
        for draft in drafts:
            event = draft.event
            if isinstance(event, ApprovalGiven):
                if event.approval not in run.open_approvals or event.approval in ahead.answered:
                    self._refuse_answer(run, event)
                ahead.answered.add(event.approval)
            elif not isinstance(event, CancelRequested):
                raise StateError(f"{draft.type} is no outside fact: append it under the run's epoch", code="unfenced")

    def _refuse_answer(self, run: Run, event: ApprovalGiven) -> None:
        row = self._tables.approval(event.approval)
        if row is None or row.run != run.id:
            raise NotFoundError("there is no such approval")
        raise StateError("the approval was answered before, or its run has ended", code="approval_closed")

    # --- writes

    def write(self, batch: Batch) -> Committed:
        """Append what a checked batch holds, and what follows from it."""
        entries: list[Entry] = []
        outside: list[Entry] = []
        for append in batch.appends:
            if append.epoch is not None and is_run(append.stream):
                self._collect_outside(append, outside)
            self._append_all(append, batch, entries)
        if batch.claim is not None:
            self._tables.save_claim(_fulfilled(batch.claim, entries), batch.at)
        for definition in batch.definitions:
            self._tables.add_definition(definition)
        for row in batch.api_keys:
            self._tables.save_api_key(row)
        return Committed(entries=tuple(entries), outside=tuple(outside))

    def _collect_outside(self, append: Append, outside: list[Entry]) -> None:
        run = self._tables.run(append.stream)
        if run is not None and append.known < run.last_seq:
            outside.extend(self._tables.entries(append.stream, append.known, run.last_seq - append.known))

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
            run = known_run(self._tables, append.stream)
            run.epoch = batch.epoch
            entries.extend([self._step(run, draft, batch.at) for draft in drafts[1:]])
            self._start_next(known_thread(self._tables, run.thread), batch, entries, drafts[0].event)
        else:
            run = known_run(self._tables, append.stream)
            entries.extend([self._step(run, draft, batch.at) for draft in drafts])
            if drafts[-1].type in END_TYPES:
                self._start_next(known_thread(self._tables, run.thread), batch, entries)

    def _interrupt(self, event: Event, at: int) -> list[Entry]:
        """What runs or waits on the thread is cancelled in the transaction that accepts the interrupting run: that is
        behind them all, none of them takes another step, so it is next."""
        assert isinstance(event, RunAccepted)
        thread = self._tables.thread(event.thread) if event.multitask == "interrupt" else None
        if thread is None or thread.active_run is None:
            return []
        draft = self._codec.draft(CancelRequested(by=event.principal, reason="interrupted"))
        runs = [known_run(self._tables, id) for id in (thread.active_run, *thread.queue)]
        return [self._step(run, draft, at) for run in runs]

    def _append_copies(self, append: Append, batch: Batch, entries: list[Entry]) -> None:
        """Events of the past, then events of now: a fork and its thread."""
        times = (*append.times, *(batch.at for _ in append.drafts[len(append.times) :]))
        next_seq = self._tables.last_seq(append.stream) + 1
        for seq, (draft, at) in enumerate(zip(append.drafts, times, strict=True), next_seq):
            entries.append(self._append(append.stream, draft, at, seq))
            if draft.type == "run_accepted":
                known_run(self._tables, append.stream).epoch = batch.epoch  # saved with the start, which is copied too

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

    def _start_next(self, thread: Thread, batch: Batch, entries: list[Entry], just: Event | None = None) -> None:
        """Give a free slot to the run that has waited longest. `just` is the RunAccepted of the youngest one."""
        if thread.active_run is not None or not thread.queue:
            return
        run = known_run(self._tables, thread.queue[0])
        run.epoch = max(run.epoch, batch.epoch)
        accepted = just if just is not None and len(thread.queue) == 1 else self._accepted(run)
        assert isinstance(accepted, RunAccepted)
        entries.append(self._step(run, self._codec.draft(self._started(run, thread)), batch.at))
        if accepted.context:
            changed = ContextChanged(scope="thread", patch=accepted.context)
            entries.append(self._step(run, self._codec.draft(changed), batch.at))

    def _accepted(self, run: Run) -> Event:
        return self._tables.entries(run.id, 0, 1)[0].event

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
        """Raise every open run to `epoch`; lists those that hold a slot, oldest first."""
        runs = self._tables.open_runs()
        for run in runs:
            run.epoch = epoch
            self._tables.save_run(run)
        return [run.row() for run in runs if run.status != "queued"]

    def begin_erasure(self, key: str, at: int, by: str) -> Entry | None:
        """Write the tombstone and close the thread to everything else. None: there is no such thread.

        Raises StateError (`run_active`) while a run of the thread is open.
        """
        thread = self._tables.thread(key)
        if thread is None or thread.erasing:
            return None
        if thread.active_run is not None or thread.queue:
            raise StateError("the thread has a run that is not ended: cancel it first", code="run_active")
        thread.erasing = True
        self._tables.save_thread(thread)
        draft = self._codec.draft(ThreadErased(thread=key, by=by))
        return self._append(principal_stream(thread.principal), draft, at)

    def erase_some(self, key: str) -> bool:
        """One small step of an erasure; True: it is done."""
        return self._tables.erase_some(key, ERASED_AT_ONCE)


class _Ahead:
    """What the appends checked so far will change, for the checks of those behind them in the same batch."""

    __slots__ = ("answered", "asked", "ended", "runs", "stepped", "threads", "waiting")

    def __init__(self) -> None:
        self.runs: set[str] = set()  # accepted
        self.ended: set[str] = set()
        self.stepped: set[str] = set()  # under their epoch
        self.threads: set[str] = set()
        self.waiting: dict[str, int] = {}  # thread -> runs accepted
        self.asked: set[str] = set()  # approvals
        self.answered: set[str] = set()


def _fulfilled(claim: IdempotencyClaim, entries: Sequence[Entry]) -> IdempotencyClaim:
    if claim.made or not entries:
        return claim
    return msgspec.structs.replace(claim, made=EventRef(entries[0].stream, entries[0].seq).key)


def _check_epoch(run: Run, epoch: int) -> None:
    if epoch != run.epoch:
        raise StaleEpochError(f"run {run.id} is under epoch {run.epoch}, not {epoch}: stop writing to it")


def _check_queued(drafts: Sequence[Draft]) -> None:
    for draft in drafts:
        if draft.type not in (*END_TYPES, "limit_reached"):
            raise StateError("the run has not started yet: it can only be ended", code="run_queued")


def _erasing(key: str) -> StateError:
    return StateError("the thread is being erased: use another thread", code="thread_erased")
