"""The runs under way in this process: a task each, started, woken, recovered and drained here."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from journeyman.agents.spec import NewerDefinitionError
from journeyman.errors import BaseError, StaleEpochError, StorageError
from journeyman.events.codec import Entry
from journeyman.events.events import Event, Failure, RunFailed, RunResumed
from journeyman.events.fold import AgentState
from journeyman.journal.journal import Batch, Committed, Pending
from journeyman.runtime.engine.children import Children
from journeyman.runtime.engine.end_events import closing
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.model_budget import BudgetMeter, BudgetMeters
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.recorder import Observe, Recorder
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.runner import Runner
from journeyman.runtime.engine.state_loading import load_state
from journeyman.telemetry.logs.setup import bind, bind_only

log = logging.getLogger(__name__)

RUN_SLOTS = 512  # runs that are driven at one time
RETRY_SECONDS = 2.0  # before a run that met a full disk is taken up again


@dataclass(slots=True)
class _Active:
    task: asyncio.Task[None]
    live: LiveRun
    urgent: bool = False  # it waits for no slot, not even when it is taken up again
    runner: Runner | None = None
    poked: bool = False


@dataclass(slots=True)
class _Waiting:
    """Callers that wait for a run's end or rest."""

    thread: str
    futures: list[asyncio.Future[AgentState | None]] = field(default_factory=list)


class RunScheduler:
    """Drives runs. At most `slots` at a time; the rest wait their turn as ids."""

    def __init__(
        self,
        parts: RunParts,
        performer: Performer,
        meters: BudgetMeters,
        observe: Observe | None = None,
        slots: int = RUN_SLOTS,
        children: Children | None = None,
    ) -> None:
        """`meters` make the budget meter of each run. `children` starts child runs; without it, this scheduler does."""
        self._journal = parts.journal
        self._codec = parts.codec
        self._clock = parts.clock
        self._ids = parts.ids
        self._definitions = parts.agents
        self._performer = performer
        self._observe = observe
        self._till = meters
        self._slots = slots
        self._children = children or Children(parts, self)
        self._active: dict[str, _Active] = {}
        self._backlog: dict[str, bool] = {}  # runs that wait for a slot, in their order: are they taken over?
        self._waiting: dict[str, _Waiting] = {}
        self._committing: set[asyncio.Task[None]] = set()
        self.watched: Counter[str] = Counter()  # how many watch each run
        self.stopping = False  # nothing new is started
        self.parked = False  # what ran was stopped; it goes on after a restart

    @property
    def running(self) -> int:
        return len(self._active)

    @property
    def backlog(self) -> int:
        """Runs that wait for a slot."""
        return len(self._backlog)

    def active(self, limit: int) -> list[tuple[str, AgentState | None]]:
        """The runs under way, the oldest here first, with their states; None: it is being loaded."""
        some = itertools.islice(self._active.items(), limit)
        return [(run_id, each.runner.state if each.runner else None) for run_id, each in some]

    def live(self, run_id: str) -> LiveRun | None:
        active = self._active.get(run_id)
        return active.live if active else None

    # --- starting and waking

    async def recover(self) -> int:
        """Take over every run that was under way when the process before this one ended; how many there were."""
        rows = await self._journal.take_over(self._clock.now())
        running = [row for row in rows if row.status == "running"]
        for row in running:
            self.launch(row.id, taken_over=True)
        return len(running)

    def launch(
        self, run_id: str, entries: Sequence[Entry] = (), *, taken_over: bool = False, urgent: bool = False
    ) -> None:
        """Start driving a run, or remember to. `entries`: its events where the caller has all of them; `urgent`: it
        waits for no slot, since it is only to end, and those that have one may be its children, or wait for it."""
        if self.stopping or run_id in self._active:
            return
        if len(self._active) >= self._slots and not urgent:
            self._backlog[run_id] = taken_over or self._backlog.get(run_id, False)
            return
        taken_over = self._backlog.pop(run_id, False) or taken_over
        task = asyncio.create_task(self._drive(run_id, entries, taken_over), name=run_id)
        self._active[run_id] = _Active(task, LiveRun(lambda: self._journal.wake(run_id), self._codec), urgent)

    def launch_started(self, run_id: str, committed: Committed) -> None:
        """Start driving a run that was accepted, if its thread's slot was free; tell those that it interrupts."""
        for entry in committed.entries:
            if entry.type == "cancel_requested" and entry.stream != run_id:
                self.poke(entry.stream, urgent=True)  # it is only to end
        own = tuple(entry for entry in committed.entries if entry.stream == run_id)
        if any(entry.type == "run_started" for entry in own):
            self.launch(run_id, own)

    def adopt(self, run_id: str, pending: Pending) -> None:
        """Wait in the place of a caller that went away for the acceptance of its run."""
        self._keep(self._adopt(run_id, pending))

    async def _adopt(self, run_id: str, pending: Pending) -> None:
        self.launch_started(run_id, await pending)

    def poke(self, run_id: str, *, urgent: bool = False) -> None:
        """The journal has news of this run (an answer, a cancel): apply it, resuming the run if it rests."""
        active = self._active.get(run_id)
        if active is None:
            self.launch(run_id, urgent=urgent)
            return
        active.urgent = active.urgent or urgent
        if active.runner is None:
            active.poked = True
        else:
            active.runner.inbox.poke()

    async def inform(self, batch: Batch, *, urgent: bool = False) -> None:
        """Commit outside facts of runs and wake the runs: both, even if the caller is cancelled meanwhile."""
        await asyncio.shield(self._keep(self._inform(batch, urgent)))

    async def _inform(self, batch: Batch, urgent: bool) -> None:
        await self._journal.commit(batch)
        for append in batch.appends:
            self.poke(append.stream, urgent=urgent)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task of the worker's own: one commit long. What it raises is the caller's, if that is still there."""
        task = asyncio.create_task(work)
        self._committing.add(task)
        task.add_done_callback(self._kept)
        return task

    def _kept(self, task: asyncio.Task[None]) -> None:
        self._committing.discard(task)
        if not task.cancelled():
            task.exception()

    async def wait(
        self, run_id: str, thread: str, seconds: float, idle: Callable[[], Awaitable[bool]]
    ) -> AgentState | None:
        """The state at the run's end or rest. None: ask the journal (time is up, or it would wait for a human).

        `idle` says of a run that is not under way here whether there is nothing to wait for.
        """
        waiting = self._waiting.setdefault(run_id, _Waiting(thread))
        future: asyncio.Future[AgentState | None] = asyncio.get_running_loop().create_future()
        waiting.futures.append(future)
        timer = self._clock.call_later(seconds, lambda: _resolve(future, None))
        try:
            if run_id not in self._active and (self.stopping or await idle()):
                return None
            return await future
        finally:
            timer.cancel()
            waiting.futures.remove(future)
            if not waiting.futures:
                self._waiting.pop(run_id, None)

    # --- driving

    async def _drive(self, run_id: str, entries: Sequence[Entry], taken_over: bool) -> None:
        """The root of a run's task: whatever happens in it ends here."""
        active, state, retry = self._active[run_id], None, False
        bind_only(run_id=run_id)  # it may be another's end that made this task
        try:
            loaded = await load_state(self._journal, run_id, entries)
            _bind(loaded)
            state = await self._run(active, loaded, taken_over)
        except StaleEpochError:
            log.warning("another process took the run over", extra={"run_id": run_id})
        except NewerDefinitionError as exc:
            log.error("run %s is left for a later release of Journeyman: %s", run_id, exc.message)
        except StorageError as exc:
            log.error("the run cannot be recorded: %s", exc.message, extra={"run_id": run_id})
            retry = self._journal.healthy
        except Exception:
            log.exception("a run's task failed", extra={"run_id": run_id})
        finally:
            del self._active[run_id]
        if retry and not self.stopping:
            again = partial(self.launch, run_id, taken_over=True, urgent=active.urgent)
            self._clock.call_later(RETRY_SECONDS, again)
        if state is not None:
            self._report(run_id, state)
            _log_run(state)
            self._tell_parent(state)
        else:
            self._report(run_id, None)
        self._next()

    def _tell_parent(self, state: AgentState) -> None:
        """Wake the run that waits for this one: it has ended, rests, or begins to go on."""
        if state.parent is not None and (state.ended or state.status == "paused"):
            self.poke(state.parent.run_id)

    async def _run(self, active: _Active, state: AgentState, taken_over: bool) -> AgentState:
        if not state.ended:
            self._tell_parent(state)
        recorder = Recorder(self._journal, self._codec, self._clock, state, self._observe)
        try:
            await self._run_with(recorder, active, taken_over)
        except (StaleEpochError, StorageError, NewerDefinitionError):
            raise
        except Exception:  # a fault of ours: the run fails rather than stay open until a restart
            log.exception("a run cannot be driven", extra={"run_id": state.run_id})
            await self._give_up(recorder, (), BaseError("The run failed inside the server."))
        for entry in recorder.started:
            if entry.type == "run_started":
                self.launch(entry.stream)
        return recorder.state

    async def _run_with(self, recorder: Recorder, active: _Active, taken_over: bool) -> None:
        try:
            agent = await self._definitions.of(recorder.state)
        except NewerDefinitionError:  # the release that wrote it can go on with the run: nothing is appended here
            raise
        except BaseError as exc:
            await self._give_up(recorder, await self._first(recorder.state, taken_over), exc)
            return
        payments = await BudgetMeter.of(self._till, recorder.state, agent.spec.quota)
        parts = (self._performer, self._children, active.live, self._clock, self._ids, payments)
        runner = Runner(agent, recorder, *parts)
        active.runner = runner
        runner.inbox.poked = active.poked
        while True:
            first = await self._first(runner.state, taken_over)
            if first is not None:
                await runner.run(*first)
                taken_over = False
            if runner.state.ended or not runner.inbox.poked:
                return
            runner.inbox.poked = False
            await recorder.catch_up()

    async def _first(self, state: AgentState, taken_over: bool) -> tuple[Event, ...] | None:
        rests = state.status == "paused" and bool(state.children)
        stirred = rests and await self._children.stirred(state)
        return _first(state, taken_over, self._journal.epoch, stirred)

    async def _give_up(self, recorder: Recorder, first: tuple[Event, ...] | None, error: BaseError) -> None:
        """Nobody can decide for this run any more: when it would go on, it fails."""
        if first is None or recorder.state.ended:
            return
        recorder.add(*first)
        if recorder.state.open_children:
            await recorder.flush()
            await recorder.settle()
            await self._children.cancel(recorder.state)
        end = RunFailed(error=Failure(error.code, error.message, self._ids.new("err")))
        recorder.add(*closing(recorder.state, lambda call: "", (), end))
        await recorder.flush()
        await recorder.settle()

    def _next(self) -> None:
        while self._backlog and len(self._active) < self._slots:
            run_id = next(iter(self._backlog))
            self.launch(run_id, taken_over=self._backlog.pop(run_id))

    def _report(self, run_id: str, state: AgentState | None) -> None:
        """Let those go on that wait for the run; not so if it only waits for a child that works."""
        if state is not None and state.status == "running":
            return
        waiting = self._waiting.get(run_id)
        for future in waiting.futures if waiting else ():
            _resolve(future, state)
        if state is not None and state.status == "paused":
            behind = [other for other in self._waiting.values() if other.thread == state.thread]
            for future in (future for other in behind for future in other.futures):
                _resolve(future, None)

    # --- stopping

    async def stop(self, seconds: float) -> None:
        """Start nothing new, let runs finish for `seconds`, then park the rest: the next boot resumes them."""
        self.stopping = True
        self._wake_watchers()
        tasks = [active.task for active in self._active.values()]
        if tasks and seconds > 0:
            await asyncio.wait(tasks, timeout=seconds)
        self.parked = True
        self._wake_watchers()
        rest = [active.task for active in self._active.values()]
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=10.0)
        # A task that was cancelled before its first step has cleared nothing up.
        self._active = {run_id: active for run_id, active in self._active.items() if not active.task.done()}
        for waiting in list(self._waiting.values()):
            for future in waiting.futures:
                _resolve(future, None)

    def _wake_watchers(self) -> None:
        for run_id in list(self.watched):
            self._journal.wake(run_id)


def _first(state: AgentState, taken_over: bool, epoch: int, stirred: bool) -> tuple[Event, ...] | None:
    """The facts to go on with; None: there is nothing to do (it has ended, it rests, it is not its turn). `stirred`: a
    child does not rest."""
    if state.ended:
        return None
    if state.cancel is not None and state.status == "queued":
        return ()
    if state.status == "queued":
        return None
    if state.status == "paused":
        return (RunResumed(epoch=epoch),) if state.cancel or state.answered or stirred else None
    return (RunResumed(epoch=epoch, reason="taken_over"),) if taken_over or _left_behind(state) else ()


def _left_behind(state: AgentState) -> bool:
    """Steps are under way by the record, and nobody drives the run: whoever did could not write on."""
    return (
        any(not call.orphaned for call in state.open_model_calls)
        or any(call.status == "started" for call in state.all_calls)
        or any(node.under_way for node in state.walk.nodes)
    )


def _bind(state: AgentState) -> None:
    """Whose work the lines of this task, and of its steps, are about."""
    bind(
        request_id=state.request_id,
        principal=state.principal,
        thread_id=state.thread.rpartition("/")[2],
        trace_id=state.trace_id,
    )


def _log_run(state: AgentState) -> None:
    """One line a run, with the place to look at it."""
    if log.isEnabledFor(logging.INFO) and (state.ended or state.status == "paused"):
        thread_id = state.thread.rpartition("/")[2]
        extra = {"run_id": state.run_id, "thread_id": thread_id, "agent": state.agent, "status": state.status}
        log.info("run %s: /runs/%s", state.status, state.run_id, extra=extra)


def _resolve(future: asyncio.Future[AgentState | None], state: AgentState | None) -> None:
    if not future.done():
        future.set_result(state)
