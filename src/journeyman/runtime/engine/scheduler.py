"""The run scheduler: starts, notifies, recovers and drains the runs of this process."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

from journeyman.agents.spec import NewerDefinitionError
from journeyman.errors import BaseError, HistoryUnreadableError, StaleEpochError, StorageError
from journeyman.events.codec import Entry
from journeyman.events.events import RunAccepted
from journeyman.events.fold import AgentState
from journeyman.events.streams import share_of
from journeyman.journal.journal import Batch, Committed, Pending, RunRow, Suspect
from journeyman.resilience.fair_queue import FairQueue
from journeyman.runtime.engine.children import Children
from journeyman.runtime.engine.gateway_patience import GatewayPatience
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.mailbox import Mailbox
from journeyman.runtime.engine.model_budget import BudgetMeters
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.recorder import Observe, Recorder
from journeyman.runtime.engine.run_driver import RunDriver
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.run_waiters import RunWaiters
from journeyman.runtime.engine.state_loading import load_state
from journeyman.runtime.engine.suspect_runs import CrashPolicy, SuspectRuns
from journeyman.runtime.engine.unreadable_history import end_unreadable
from journeyman.telemetry.logs.formatters import ON_TERMINAL
from journeyman.telemetry.logs.run_line import RunLine
from journeyman.telemetry.logs.setup import bind, bind_only

log = logging.getLogger(__name__)

RUN_SLOTS = 640  # runs in progress at one time
RETRY_SECONDS = 2.0  # before a run is tried again whose events the disk could not take
STOP_SECONDS = 10.0  # how long cancelled runs may take to unwind


class _ActiveRun:
    """A run in progress: its task, what it shows live, and the mailbox by which it is notified.

    An urgent run needs no slot, not even when it is tried again.
    """

    def __init__(self, task: asyncio.Task[None], live: LiveRun, mailbox: Mailbox, urgent: bool, owner: str) -> None:
        self.task = task
        self.owner = owner  # of its slot; empty: not known yet
        self.live = live
        self.mailbox = mailbox
        self.urgent = urgent
        self._recorder: Recorder | None = None

    @property
    def state(self) -> AgentState | None:
        """The state of the run; None while it is loaded."""
        return self._recorder.state if self._recorder else None

    def loaded(self, recorder: Recorder) -> None:
        """Keep the recorder of the run, which holds its state."""
        self._recorder = recorder

    def notify(self, urgent: bool) -> None:
        """Tell the run that the journal has news of it."""
        self.urgent = self.urgent or urgent
        self.mailbox.notify()


class RunScheduler:
    """Runs up to `slots` runs at a time, each in a task. Of runs that wait for a slot it keeps only the ids.

    Principals take turns with the slots, and none has more than its share; without authentication, threads do.

    `watched` counts the watchers of each run. `stopping` is true once no more runs are started, `suspended` once the
    runs that did not finish in time are cancelled.
    """

    def __init__(
        self,
        parts: RunParts,
        performer: Performer,
        meters: BudgetMeters,
        observe: Observe | None = None,
        slots: int = RUN_SLOTS,
        share: int | None = None,
        children: Children | None = None,
        patience: GatewayPatience | None = None,
        crashed: CrashPolicy = "hold",
    ) -> None:
        """`share` is the number of slots that one principal may have; None: all of them.

        `meters` makes the budget meter of each run. `children` starts child runs; None: this scheduler runs them.

        `patience` is that with gateways that are away; None: model calls fail then. `crashed` says what becomes of a
        run that ends the server each time.
        """
        self._parts = parts
        self._journal = parts.journal
        self._clock = parts.clock
        self._observe = observe
        self._slots = slots
        self._share = slots if share is None else share
        self._held: Counter[str] = Counter()  # slots by whose share they are of
        own = children or Children(parts, self)
        self._driver = RunDriver(parts, performer, own, meters, patience, self.is_attended)
        self._active: dict[str, _ActiveRun] = {}
        self._backlog: FairQueue[str] = FairQueue()  # runs that wait for a slot
        self._recovered: set[str] = set()  # those of them that are recovered
        self._waiters = RunWaiters(parts.clock)
        self._commits: set[asyncio.Task[None]] = set()
        self._suspects = SuspectRuns(parts, crashed, self._fail_crashed)
        self._alone: str | None = None  # the only run that may start now, "" if none may; None: all may
        self._telling_apart: asyncio.Task[None] | None = None  # drives the suspects, while there are some
        self.watched: Counter[str] = Counter()
        self.stopping = False
        self.suspended = False

    @property
    def running(self) -> int:
        """The number of runs in progress."""
        return len(self._active)

    @property
    def backlog(self) -> int:
        """The number of runs that wait for a slot."""
        return len(self._backlog)

    def backlog_of(self, owner: str) -> int:
        """Return the number of an owner's runs that wait for a slot."""
        return self._backlog.count(owner)

    def waits_for_slot(self, run_id: str) -> bool:
        """Return whether a run is queued because all slots are taken."""
        return run_id in self._backlog

    def active(self, limit: int) -> list[tuple[str, AgentState | None]]:
        """Return the runs in progress with their states, the earliest started first; a state is None while loading."""
        return [(run_id, each.state) for run_id, each in itertools.islice(self._active.items(), limit)]

    def is_attended(self, run_id: str) -> bool:
        """Return whether a caller waits for the run's answer, or watches it, at this moment."""
        return run_id in self.watched or run_id in self._waiters

    def live(self, run_id: str) -> LiveRun | None:
        """Return what a run shows live, or None if it is not in progress."""
        active = self._active.get(run_id)
        return active.live if active else None

    # --- starting and notifying

    async def recover(self, check: Callable[[Sequence[RunRow]], Awaitable[None]] | None = None) -> int:
        """Take over every run of the process before this one and start those in progress. Returns their number.

        `check` is given the running and paused ones first, and may refuse to start any by raising.
        """
        rows = await self._journal.take_over()
        if check is not None:
            await check(rows)
        running = [row for row in rows if row.status == "running"]
        suspects = await self._suspects.hold_blamed(running)
        self._alone = "" if suspects else None
        for row in running:
            self.start(row.id, owner=share_of(row.principal, row.thread), recovered=True)
        if suspects:
            self._telling_apart = asyncio.create_task(self._drive_suspects(suspects), name="suspect runs")
        return len(running)

    async def _drive_suspects(self, suspects: Sequence[Suspect]) -> None:
        """Drive each suspect alone, then start the runs that waited meanwhile."""
        await self._suspects.drive_each_alone(suspects, self._start_alone)
        self._alone = None
        self._start_following()

    def _start_alone(self, run_id: str) -> asyncio.Task[None] | None:
        """Start a run while all others wait. Returns its task, or None if it does not wait to be started."""
        self._alone = run_id
        if run_id in self._backlog:
            self.start(run_id, recovered=True)
        active = self._active.get(run_id)
        return active.task if active else None

    async def _fail_crashed(self, run_id: str, text: str) -> None:
        """Fail a run that ends the server each time, without driving it."""
        recorder = Recorder(self._parts, await load_state(self._journal, run_id), self._observe)
        await self._driver.fail_crashed(recorder, text)
        owner = share_of(recorder.state.principal, recorder.state.thread)
        for entry in recorder.started:
            if entry.type == "run_started":
                self.start(entry.stream, owner=owner)
        self._notify_parent(recorder.state)

    def start(
        self,
        run_id: str,
        entries: Sequence[Entry] = (),
        *,
        owner: str = "",
        recovered: bool = False,
        urgent: bool = False,
    ) -> None:
        """Start a run, or queue it if all slots are taken, or all those of its owner, or another run is driven alone.

        `entries`: the run's events, if the caller already has all of them. `owner`: whose share of the slots it takes;
        empty: it is that of the first entry, or looked up. `urgent` skips the queue: for cancelled runs, which must end
        even if the slots are held by runs that wait for them.
        """
        if self.stopping or run_id in self._active:
            return
        owner = owner or _owner_of(entries)
        if not (urgent or self._may_start_now(run_id, owner)):
            self._queue(run_id, owner, recovered)
            return
        recovered = recovered or run_id in self._recovered
        self._backlog.discard(run_id)
        self._recovered.discard(run_id)
        self._held[owner] += 1
        task = asyncio.create_task(self._run(run_id, entries, recovered), name=run_id)
        live = LiveRun(partial(self._journal.notifier.wake, run_id), self._parts.codec)
        self._active[run_id] = _ActiveRun(task, live, Mailbox(), urgent, owner)

    def _may_start_now(self, run_id: str, owner: str) -> bool:
        return len(self._active) < self._slots and self._alone in (None, run_id) and self._has_share(owner)

    def _has_share(self, owner: str) -> bool:
        return not owner or self._held.get(owner, 0) < self._share

    def _queue(self, run_id: str, owner: str, recovered: bool) -> None:
        if recovered:
            self._recovered.add(run_id)
        if not owner and run_id not in self._backlog:
            self._keep(self._queue_of_owner(run_id))
        self._backlog.put(owner, run_id)

    async def _queue_of_owner(self, run_id: str) -> None:
        """Give a run that waits its place among those of its owner, who has to be looked up."""
        row = await self._journal.run(run_id)
        if row is not None and run_id in self._backlog:
            self._backlog.discard(run_id)
            self._backlog.put(share_of(row.principal, row.thread), run_id)
            self._start_following()

    def _free(self, owner: str) -> None:
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]

    def start_accepted(self, run_id: str, committed: Committed) -> None:
        """Start an accepted run if its thread was free, and notify the runs that it interrupts."""
        for entry in committed.entries:
            if entry.type == "cancel_requested" and entry.stream != run_id:
                self.notify(entry.stream, urgent=True)
        own = tuple(entry for entry in committed.entries if entry.stream == run_id)
        if any(entry.type == "run_started" for entry in own):
            self.start(run_id, own)

    def finish_submission(self, run_id: str, pending: Pending) -> None:
        """Start the run once its acceptance is durable, on behalf of a caller that is gone."""
        self._keep(self._finish_submission(run_id, pending))

    async def _finish_submission(self, run_id: str, pending: Pending) -> None:
        self.start_accepted(run_id, await pending)

    def notify(self, run_id: str, *, urgent: bool = False) -> None:
        """Let a run apply what others appended to it, such as an answer or a cancel. Starts the run if it is idle."""
        active = self._active.get(run_id)
        if active is None:
            self.start(run_id, urgent=urgent)
        else:
            active.notify(urgent)

    async def commit_and_notify(self, batch: Batch, *, urgent: bool = False) -> None:
        """Commit external events of runs and notify the runs. Both happen even if the caller is cancelled."""
        await asyncio.shield(self._keep(self._commit_and_notify(batch, urgent)))

    async def _commit_and_notify(self, batch: Batch, urgent: bool) -> None:
        await self._journal.commit(batch)
        for append in batch.appends:
            self.notify(append.stream, urgent=urgent)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run the work in a task that outlives its caller. What it raises reaches the caller if that still waits."""
        task = asyncio.create_task(work)
        self._commits.add(task)
        task.add_done_callback(self._kept)
        return task

    def _kept(self, task: asyncio.Task[None]) -> None:
        self._commits.discard(task)
        if not task.cancelled():
            task.exception()

    async def wait(
        self, run_id: str, thread: str, seconds: float, idle: Callable[[], Awaitable[bool]]
    ) -> AgentState | None:
        """Wait until a run ends or pauses. Returns its state then.

        Returns None if the caller must ask the journal: after `seconds`, if its run is queued behind a paused one, or
        if it is not in progress here and `idle` says that there is nothing to wait for.
        """

        async def is_idle() -> bool:
            return run_id not in self._active and (self.stopping or await idle())

        return await self._waiters.wait(run_id, thread, seconds, is_idle)

    # --- in the task of a run

    async def _run(self, run_id: str, entries: Sequence[Entry], recovered: bool) -> None:
        """Drive a run in its task. Raises nothing but CancelledError."""
        active, state, retry = self._active[run_id], None, False
        bind_only(run_id=run_id)  # the task may have been created in the context of another run
        try:
            state = await self._drive(active, await load_state(self._journal, run_id, entries), recovered)
        except StaleEpochError:
            log.warning("another process took the run over", extra={"run_id": run_id})
        except NewerDefinitionError as exc:
            log.error("run %s is left for a later release of Journeyman: %s", run_id, exc.message)
            await self._note_release(run_id)
        except HistoryUnreadableError as exc:
            retry = await self._end_unreadable(run_id, exc)
        except StorageError as exc:
            log.error("the run cannot be recorded: %s", exc.message, extra={"run_id": run_id})
            retry = _passes(exc) and self._journal.healthy
        except Exception:
            log.exception("a run's task failed", extra={"run_id": run_id})
        finally:
            del self._active[run_id]
            self._free(active.owner)
        if retry and not self.stopping:
            again = partial(self.start, run_id, owner=active.owner, recovered=True, urgent=active.urgent)
            self._clock.call_later(RETRY_SECONDS, again)
        self._after(run_id, state)

    async def _drive(self, active: _ActiveRun, loaded: AgentState, recovered: bool) -> AgentState:
        """Drive a loaded run until it ends or is idle, then start the runs that it started. Returns its last state."""
        _bind(loaded)
        if not active.owner:
            self._free("")
            active.owner = share_of(loaded.principal, loaded.thread)
            self._held[active.owner] += 1
        if not loaded.ended:
            self._notify_parent(loaded)
        recorder = Recorder(self._parts, loaded, self._observe, first_durable=recovered)
        active.loaded(recorder)
        await self._driver.drive(recorder, active.mailbox, active.live, recovered)
        for entry in recorder.started:
            if entry.type == "run_started":
                self.start(entry.stream, owner=active.owner)
        return recorder.state

    async def _note_release(self, run_id: str) -> None:
        """Note in the run's row that it waits for a later release; its events are left to that release."""
        try:
            await self._journal.note_lack(run_id, "release:")
        except BaseError as exc:
            log.error("a run's row cannot be changed: %s", exc.message, extra={"run_id": run_id})

    async def _end_unreadable(self, run_id: str, cause: HistoryUnreadableError) -> bool:
        """End a run whose history cannot be read. Returns whether that has to be tried again."""
        row = await self._journal.run(run_id)
        if row is None or row.ended_at is not None:
            return False
        try:
            committed = await end_unreadable(self._parts, row, cause)
        except StorageError as exc:
            log.error("the run cannot be ended: %s", exc.message, extra={"run_id": run_id})
            return _passes(exc) and self._journal.healthy
        for entry in committed.entries:
            if entry.type == "run_started":
                self.start(entry.stream, owner=share_of(row.principal, row.thread))
        if row.parent is not None:
            self.notify(row.parent)
        return False

    def _notify_parent(self, state: AgentState) -> None:
        """Notify the run that waits for this one if this one has ended, is paused, or goes on after a pause."""
        if state.parent is not None and (state.ended or state.status == "paused"):
            self.notify(state.parent.run_id)

    def _after(self, run_id: str, state: AgentState | None) -> None:
        """Report the last state of a run whose task ends, or None if it could not be driven. Then use its slot."""
        self._release_waiters(run_id, state)
        if state is not None:
            _log_run(state)
            self._notify_parent(state)
        self._start_following()

    def _start_following(self) -> None:
        """Start the runs that wait, as long as there are slots. None is started while a run is driven alone."""
        while len(self._active) < self._slots and self._alone is None:
            turn = self._backlog.take(self._has_share)
            if turn is None:
                return
            owner, following = turn
            self.start(following, owner=owner)

    def _release_waiters(self, run_id: str, state: AgentState | None) -> None:
        if state is not None and state.status == "running":  # it waits for a child that works: so do its callers
            return
        if state is None or not state.only_lacks:  # else its callers wait with it
            self._waiters.release(run_id, state)
        if state is not None and state.status == "paused":
            self._waiters.release_thread(state.thread)

    # --- stopping

    async def stop(self, seconds: float) -> None:
        """Start no more runs, let those in progress finish for `seconds`, then suspend the rest.

        A suspended run is resumed by the next process.
        """
        self.stopping = True
        self._wake_watchers()
        if self._telling_apart is not None:
            self._telling_apart.cancel()
        await self._note_clean_end()
        tasks = self._tasks()
        if tasks and seconds > 0:
            await asyncio.wait(tasks, timeout=seconds)
        self.suspended = True
        self._wake_watchers()
        await _cancel(self._tasks())
        # A task that was cancelled before its first step has not removed its run.
        self._active = {run_id: active for run_id, active in self._active.items() if not active.task.done()}
        self._waiters.release_all()

    async def _note_clean_end(self) -> None:
        """Note that what is in progress now is stopped on purpose, even if the process is killed before it is done."""
        if not self._active:
            return
        try:
            await self._journal.note_clean_end()
        except BaseError as exc:
            log.warning("that this end is clean cannot be noted: %s", exc.message)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [active.task for active in self._active.values()]

    def _wake_watchers(self) -> None:
        for run_id in list(self.watched):
            self._journal.notifier.wake(run_id)


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks and wait for them to unwind, within a bound."""
    cancelled = list(tasks)
    for task in cancelled:
        task.cancel()
    if cancelled:
        await asyncio.wait(cancelled, timeout=STOP_SECONDS)


def _owner_of(entries: Sequence[Entry]) -> str:
    """Return whose share of the slots a run takes that begins with these events; empty: its first is not there."""
    accepted = entries[0].event if entries else None
    return share_of(accepted.principal, accepted.thread) if isinstance(accepted, RunAccepted) else ""


def _passes(error: StorageError) -> bool:
    """Return whether a disk that is full or a file that is locked is the cause: everything else stays as it is."""
    return error.code == "storage_full" or error.retry_after is not None


def _bind(state: AgentState) -> None:
    """Add the request, principal, thread and trace of a run to the log records of this task and of its steps."""
    bind(
        request_id=state.request_id,
        principal=state.principal,
        thread_id=state.thread_id,
        trace_id=state.trace_id,
    )


def _log_run(state: AgentState) -> None:
    """Log that a run has ended or paused, with the path at which it can be read. A failed run is a warning."""
    level = logging.WARNING if state.status == "failed" else logging.INFO
    if log.isEnabledFor(level) and (state.ended or state.status == "paused"):
        thread_id = state.thread_id
        extra = {"run_id": state.run_id, "thread_id": thread_id, "agent": state.agent, "status": state.status}
        log.log(level, "run %s: /runs/%s", state.status, state.run_id, extra=extra | {ON_TERMINAL: RunLine(state)})
