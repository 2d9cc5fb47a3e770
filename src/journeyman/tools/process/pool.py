"""The pool of worker processes: spawned on demand, reused while healthy, killed on timeout and cancellation.

A process serves one version of a tools folder under one confinement, for the calls of one principal: what a call leaves
behind in its memory is seen by later calls of that principal only. If a call needs another process and the pool is
full, the one that has been idle longest is ended to make room. Idle processes are ended after a minute.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import msgspec

from journeyman.errors import ToolExecutionError
from journeyman.resilience.fair_slots import FairSlots
from journeyman.tools.process.child import Child, ChildGoneError
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.process.temporary_folders import TemporaryFolders
from journeyman.tools.process.worker import ToolWorker, WorkerKey
from journeyman.tools.sandbox.confinement import Confinement
from journeyman.tools.sandbox.detection import AvailableIsolation, confinement, detect, shortcomings
from journeyman.tools.spec import CallRequest, OnPrinted, ToolHost, ToolSpec, ignore_printed
from journeyman.tools.tool_file import TextWithFiles
from journeyman.user_code.local_modules import modules_beside

_HARMLESS_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_LOAD_SECONDS = 15.0  # to start the process and import a tool's file
_IDLE_SECONDS = 60.0
_PATIENCE_SECONDS = 0.05  # a call waits so long for a busy worker of its key: to start another takes longer


def scrubbed_environment() -> dict[str, str]:
    """Return the variables of the server's environment that every child process may see. None of them is a secret."""
    return {name: os.environ[name] for name in _HARMLESS_VARIABLES if name in os.environ}


class BorrowedWorker:
    """A worker process that has loaded one tool, lent for one call. A `spec.Invoker`."""

    def __init__(self, worker: ToolWorker, target: ImportTarget, on_printed: OnPrinted) -> None:
        self.worker = worker
        self._target = target
        self._on_printed = on_printed

    async def invoke(self, request: CallRequest, host: ToolHost) -> str | TextWithFiles:
        """Run the tool. Returns its result as the text for the model; raises as `spec.Invoker.invoke` does."""
        return await self.worker.run(self._target, request, host, self._on_printed)


class _IdleWorker(NamedTuple):
    worker: ToolWorker
    since: float  # the loop's time


class WorkerPool:
    """Lends worker processes to calls: at most `limit` of them, busy or idle, exist at a time.

    `share` of them may work for one owner; None: all of them.
    """

    def __init__(
        self,
        limit: int = 4,
        environment: Mapping[str, str] | None = None,
        *,
        share: int | None = None,
        variables: Mapping[str, str] = os.environ,
        detect: Callable[[], Awaitable[AvailableIsolation]] = detect,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self._slots = FairSlots(limit, limit if share is None else share)
        self._environment = scrubbed_environment() if environment is None else dict(environment)
        self._variables = variables  # of which a tool sees those that its permissions name
        self._idle: list[_IdleWorker] = []  # in the order of their last use
        self._busy: set[ToolWorker] = set()
        self._starting: Counter[WorkerKey] = Counter()
        self._changes: dict[WorkerKey, asyncio.Event] = {}  # set when a worker is idle, or has started
        self._lent = 0  # calls that have a worker, or wait until theirs has started
        self._limit = limit
        self._folders = TemporaryFolders()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False
        self._detect = detect
        self._detecting = asyncio.Lock()
        self._isolation: AvailableIsolation | None = None
        self._idle_seconds = idle_seconds
        self._idle_timer: asyncio.TimerHandle | None = None

    async def isolation(self) -> AvailableIsolation:
        """Return the means of isolation that this machine has; they are detected at the first call."""
        if self._isolation is None:
            async with self._detecting:
                self._isolation = self._isolation or await self._detect()
        return self._isolation

    @property
    def known_isolation(self) -> AvailableIsolation | None:
        """The means of isolation that this machine has; None as long as they have not been detected."""
        return self._isolation

    @property
    def waiting(self) -> int:
        """The number of calls that wait for a worker."""
        return self._slots.waiting

    def waiting_of(self, owner: str) -> int:
        """Return how many calls of an owner wait for a worker."""
        return self._slots.waiting_of(owner)

    def figures(self) -> dict[str, int]:
        """Return the limit of processes, and how many are busy and idle."""
        return {"limit": self._limit, "busy": len(self._busy), "idle": len(self._idle)}

    @asynccontextmanager
    async def borrow(
        self,
        target: ImportTarget,
        spec: ToolSpec,
        files: Mapping[str, bytes] | None = None,
        on_printed: OnPrinted = ignore_printed,
        *,
        principal: str,
        owner: str = "",
        wait_seconds: float | None = None,
    ) -> AsyncIterator[BorrowedWorker]:
        """Wait until a worker is free, and lend it for the block: `target` is loaded, `spec` says how it is confined.

        `files` are the sources of the target's folder; without them the worker reads the files on the disk.
        `on_printed` is called with what the call prints, if it prints anything. The worker has served, and will serve,
        calls of this `principal` only. `owner`: whose share of the workers this is (empty: the principal's); owners
        take turns. `wait_seconds`: how long to wait for a turn at most.

        Raises:
            ToolExecutionError: no turn came in time (`tool_timeout`), no process can be started, the machine lacks what
                `sandbox: strict` asks for, or the tool's file cannot be imported. The tool did not run.
        """
        async with AsyncExitStack() as slot:
            await self._wait_for_turn(slot, owner or principal, wait_seconds)
            confined = await self._confinement(target, spec, files or {})
            self._lent += 1
            try:
                worker = await self._ready(target, WorkerKey(confined, principal), files or {})
                self._busy.add(worker)
                try:
                    yield BorrowedWorker(worker, target, on_printed)
                finally:
                    self._busy.discard(worker)
                    self._take_back(worker)
                    self._tell(worker.key)
            finally:
                self._lent -= 1

    async def _wait_for_turn(self, slot: AsyncExitStack, owner: str, seconds: float | None) -> None:
        """Enter a slot on the stack, once it is the owner's turn. Raises ToolExecutionError (`tool_timeout`)."""
        try:
            async with asyncio.timeout(seconds):
                await slot.enter_async_context(self._slots.slot(owner))
        except TimeoutError as exc:
            text = f"no worker process was free within {seconds:g} seconds, and nothing ran"
            raise ToolExecutionError(text, code="tool_timeout") from exc

    def renew(self) -> None:
        """Retire every current worker, because the tool code may have changed. Busy workers finish their call first."""
        for worker in self._busy:
            worker.retire()
        while self._idle:
            self._close(self._idle.pop().worker)

    async def aclose(self) -> None:
        """End every worker; idempotent."""
        self._closed = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self.renew()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await asyncio.to_thread(self._folders.remove)

    async def _confinement(self, target: ImportTarget, spec: ToolSpec, files: Iterable[str]) -> Confinement:
        if spec.policy.sandbox == "off":
            return confinement(spec, target.root, AvailableIsolation())
        modules = modules_beside(files, target.root)
        isolation = await self.isolation()
        for problem in shortcomings(spec, isolation):
            raise ToolExecutionError(f"{problem.message}: {problem.remedy}", code="tool_refused")
        return confinement(spec, target.root, isolation, modules)

    async def _ready(self, target: ImportTarget, wanted: WorkerKey, files: Mapping[str, bytes]) -> ToolWorker:
        """Return a worker that has loaded the tool: an idle one if there is one, a new one otherwise."""
        while worker := await self._wait_for_idle(target, wanted):
            try:
                return await self._prepared(worker, target, files)
            except ChildGoneError:
                continue  # it died while it was idle, for which the tool is not to blame
        if self._closed:
            raise ToolExecutionError("the server is shutting down")
        while self._idle and len(self._idle) + self._lent > self._limit:
            self._close(self._idle.pop(0).worker)
        self._starting[wanted] += 1
        try:
            return await self._prepared(await self._spawn(wanted), target, files)
        except ChildGoneError as exc:
            raise ToolExecutionError("the tool's file ended its process when imported", code="tool_crashed") from exc
        finally:
            self._starting -= Counter([wanted])  # which drops what is no longer counted
            self._tell(wanted)

    async def _wait_for_idle(self, target: ImportTarget, wanted: WorkerKey) -> ToolWorker | None:
        """Take out an idle worker that fits. If there is none, wait a moment for one that is busy or is starting.

        Returns None if another worker must be started.
        """
        loop, until = asyncio.get_running_loop(), None
        while (worker := self._take_idle(target, wanted)) is None:
            if self._starting[wanted]:
                until = None  # each start ends, and wakes this call
            elif not any(each.key == wanted for each in self._busy):
                return None
            else:
                until = until or loop.time() + _PATIENCE_SECONDS
            try:
                async with asyncio.timeout_at(until):
                    await self._changes.setdefault(wanted, asyncio.Event()).wait()
            except TimeoutError:
                return None
        return worker

    def _tell(self, key: WorkerKey) -> None:
        """Wake the calls that wait for a worker of this key."""
        if (changed := self._changes.pop(key, None)) is not None:
            changed.set()

    def _take_idle(self, target: ImportTarget, wanted: WorkerKey) -> ToolWorker | None:
        """Take out the most recently used idle worker that fits; end unusable and outdated ones on the way."""
        for idle in reversed(self._idle.copy()):
            worker = idle.worker
            if worker.key != wanted and worker.usable:
                continue
            self._idle.remove(idle)
            if worker.key == wanted and worker.can_begin and worker.can_load(target):
                return worker
            self._close(worker)
        return None

    async def _spawn(self, wanted: WorkerKey) -> ToolWorker:
        confined, folder = wanted.confinement, None
        granted = {name: self._variables[name] for name in confined.environment if name in self._variables}
        environment = self._environment | granted
        try:
            if confined.files is not None:
                folder = tempfile.mkdtemp(prefix="journeyman-")
            if temporary := folder or self._folders.of(wanted.principal):
                environment["TMPDIR"] = temporary
            text = msgspec.json.encode(confined).decode()
            child = await Child.spawn("journeyman.tools.process.worker_main", environment, text)
        except OSError as exc:
            if folder is not None:
                os.rmdir(folder)  # noqa: PTH106 - a str
            reason = exc.strerror or type(exc).__name__
            raise ToolExecutionError(f"no worker process can be started: {reason}", code="tool_crashed") from exc
        return ToolWorker(child, wanted, folder)

    async def _prepared(self, worker: ToolWorker, target: ImportTarget, files: Mapping[str, bytes]) -> ToolWorker:
        """Load the tool into the worker and return it. A worker that cannot load it in time is killed."""
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                await worker.prepare(target, files)
        except TimeoutError as exc:
            self._kill(worker)
            text = f"the tool's file took more than {_LOAD_SECONDS:g} seconds to import"
            raise ToolExecutionError(text) from exc
        except ToolExecutionError:
            self._take_back(worker)
            raise
        except BaseException:
            self._kill(worker)
            raise
        return worker

    def _take_back(self, worker: ToolWorker) -> None:
        if not worker.usable or self._closed:
            self._close(worker)
            return
        self._idle.append(_IdleWorker(worker, asyncio.get_running_loop().time()))
        self._start_idle_timer()

    def _start_idle_timer(self) -> None:
        if self._idle_timer is None and self._idle and not self._closed:
            self._idle_timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._close_idle)

    def _close_idle(self) -> None:
        self._idle_timer = None
        latest = asyncio.get_running_loop().time() - self._idle_seconds
        while self._idle and self._idle[0].since <= latest:
            self._close(self._idle.pop(0).worker)
        self._start_idle_timer()

    def _kill(self, worker: ToolWorker) -> None:
        worker.kill()
        self._close(worker)

    def _close(self, worker: ToolWorker) -> None:
        """End the worker in the background; `aclose` waits for it."""
        task = asyncio.get_running_loop().create_task(worker.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
