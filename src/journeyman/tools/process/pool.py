"""Worker processes for plain `def` tools: spawned on demand, used again while healthy, killed on timeout and cancel.

At most `limit` processes at once, idle ones included. A process serves one folder of tools under one confinement; when
a call needs another kind, the one that was idle longest makes room. Idle ones are retired after a minute.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from journeyman.errors import ToolExecutionError
from journeyman.tools.process.child import Child, ChildGoneError
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.process.worker import ToolWorker
from journeyman.tools.sandbox.confinement import Confinement
from journeyman.tools.sandbox.detection import AvailableIsolation, confinement, detect, shortcomings
from journeyman.tools.spec import CallRequest, ToolHost, ToolSpec

_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_LOAD_SECONDS = 15.0  # to start and to import a tool's file
_IDLE_SECONDS = 60.0


def scrubbed_environment() -> dict[str, str]:
    """What a worker may see of the server's environment: no secret is among it."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}


class BorrowedWorker:
    """A worker process that has loaded one tool, lent for one call. A `spec.Invoker`."""

    def __init__(self, worker: ToolWorker, target: ImportTarget) -> None:
        self.worker = worker
        self._target = target

    async def invoke(self, request: CallRequest, host: ToolHost) -> str:
        """Run the tool. Returns its result as the text for the model; raises as `spec.Invoker.invoke` does."""
        return await self.worker.run(self._target, request, host)


class _IdleWorker(NamedTuple):
    worker: ToolWorker
    since: float  # the loop's time


class WorkerPool:
    """Lends worker processes to calls: at most `limit` of them, busy or idle, exist at a time."""

    def __init__(
        self,
        limit: int = 4,
        environment: Mapping[str, str] | None = None,
        *,
        detect: Callable[[], Awaitable[AvailableIsolation]] = detect,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self._permits = asyncio.Semaphore(limit)
        self._environment = scrubbed_environment() if environment is None else dict(environment)
        self._idle: list[_IdleWorker] = []  # in the order of their last use
        self._busy: set[ToolWorker] = set()
        self._limit = limit
        self._endings: set[asyncio.Task[None]] = set()
        self._closed = False
        self._detect = detect
        self._detecting = asyncio.Lock()
        self._kernel: AvailableIsolation | None = None
        self._idle_seconds = idle_seconds
        self._sweep: asyncio.TimerHandle | None = None

    async def kernel(self) -> AvailableIsolation:
        """What this machine confines processes with; looked at once."""
        if self._kernel is None:
            async with self._detecting:
                self._kernel = self._kernel or await self._detect()
        return self._kernel

    @property
    def known_kernel(self) -> AvailableIsolation | None:
        """None: nobody needed to know yet."""
        return self._kernel

    def figures(self) -> dict[str, int]:
        """How many processes there may be, how many run a call, how many wait for one."""
        return {"limit": self._limit, "busy": len(self._busy), "idle": len(self._idle)}

    @asynccontextmanager
    async def borrow(
        self, target: ImportTarget, spec: ToolSpec, files: Mapping[str, bytes] | None = None
    ) -> AsyncIterator[BorrowedWorker]:
        """Wait until a worker is free, and lend it for the block: `target` is loaded, `spec` says how it is confined.

        `files` are the sources of the target's folder; without them the worker reads the files on the disk.

        Raises:
            ToolExecutionError: no process can be started, the machine lacks what `sandbox: strict` asks for, or the
                tool's file cannot be imported. The tool did not run.
        """
        async with self._permits:
            worker = await self._ready(target, await self._confinement(target, spec), files or {})
            self._busy.add(worker)
            try:
                yield BorrowedWorker(worker, target)
            finally:
                self._busy.discard(worker)
                self._take_back(worker)

    def renew(self) -> None:
        """Let no process that runs now serve a later call: the code under it may have changed."""
        for worker in self._busy:
            worker.retire()
        while self._idle:
            self._end(self._idle.pop().worker)

    async def aclose(self) -> None:
        """End every worker; idempotent."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        self.renew()
        await asyncio.gather(*self._endings, return_exceptions=True)

    async def _confinement(self, target: ImportTarget, spec: ToolSpec) -> Confinement:
        if spec.sandbox == "off":
            return confinement(spec, target.root, AvailableIsolation())
        kernel = await self.kernel()
        for problem in shortcomings(spec, kernel):
            raise ToolExecutionError(f"{problem.message}: {problem.remedy}", code="tool_refused")
        return confinement(spec, target.root, kernel)

    async def _ready(self, target: ImportTarget, wanted: Confinement, files: Mapping[str, bytes]) -> ToolWorker:
        while worker := self._fitting(target, wanted):
            try:
                return await self._prepared(worker, target, files)
            except ChildGoneError:
                continue  # it died while idle: a fresh one will tell whether the tool is to blame
        if self._closed:
            raise ToolExecutionError("the server is shutting down")
        if len(self._idle) + len(self._busy) >= self._limit and self._idle:
            self._end(self._idle.pop(0).worker)
        try:
            return await self._prepared(await self._spawn(wanted), target, files)
        except ChildGoneError as exc:
            raise ToolExecutionError("the tool's file ended its process when imported", code="tool_crashed") from exc

    def _fitting(self, target: ImportTarget, wanted: Confinement) -> ToolWorker | None:
        """The worker of this kind that was used last, taken out of the idle ones; what is of no more use is ended."""
        for idle in reversed(self._idle.copy()):
            worker = idle.worker
            if worker.usable and worker.confinement != wanted:
                continue
            self._idle.remove(idle)
            if worker.usable and worker.serves(target):
                return worker
            self._end(worker)
        return None

    async def _spawn(self, wanted: Confinement) -> ToolWorker:
        environment = self._environment | {name: os.environ[name] for name in wanted.environment if name in os.environ}
        folder = tempfile.mkdtemp(prefix="journeyman-") if wanted.files is not None else None
        if folder is not None:
            environment["TMPDIR"] = folder
        text = msgspec.json.encode(wanted).decode()
        try:
            child = await Child.spawn("journeyman.tools.process.worker_main", environment, text)
        except OSError as exc:
            if folder is not None:
                os.rmdir(folder)  # noqa: PTH106 - a text
            reason = exc.strerror or type(exc).__name__
            raise ToolExecutionError(f"no worker process can be started: {reason}", code="tool_crashed") from exc
        return ToolWorker(child, wanted, folder)

    async def _prepared(self, worker: ToolWorker, target: ImportTarget, files: Mapping[str, bytes]) -> ToolWorker:
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
            self._end(worker)
            return
        self._idle.append(_IdleWorker(worker, asyncio.get_running_loop().time()))
        self._plan_sweep()

    def _plan_sweep(self) -> None:
        if self._sweep is None and self._idle and not self._closed:
            self._sweep = asyncio.get_running_loop().call_later(self._idle_seconds, self._retire_idle)

    def _retire_idle(self) -> None:
        self._sweep = None
        latest = asyncio.get_running_loop().time() - self._idle_seconds
        while self._idle and self._idle[0].since <= latest:
            self._end(self._idle.pop(0).worker)
        self._plan_sweep()

    def _kill(self, worker: ToolWorker) -> None:
        worker.kill()
        self._end(worker)

    def _end(self, worker: ToolWorker) -> None:
        task = asyncio.get_running_loop().create_task(worker.close())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
