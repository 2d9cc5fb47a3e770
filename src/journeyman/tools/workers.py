"""Worker processes for plain `def` tools: spawned on demand, used again while healthy, killed on timeout and cancel.

A simple pool: at most `limit` at once. Limits of memory and CPU, and the sandbox, are not here yet.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import msgspec

from journeyman.egress.messages import HttpRequest
from journeyman.errors import BaseError, ServiceTimeoutError, ServiceUnavailableError, ToolError, ToolExecutionError
from journeyman.events.messages import valid_text
from journeyman.tools.child import Child, ChildGoneError
from journeyman.tools.failures import TransientToolError
from journeyman.tools.frames import Answer, Call, Done, Fetch, Fetched, Load, Loaded, LogLine, Patch, Progress, Ready
from journeyman.tools.spec import CallHost, CallRequest, ToolHost
from journeyman.tools.target import Target
from journeyman.tools.tool import ToolRetry

_log = logging.getLogger("journeyman.tool")

_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_LOAD_SECONDS = 15.0  # to start and to import a tool's file
_GOODBYE_SECONDS = 1.0
_TEXT_CAP = 4000  # characters of a progress text or a log line


def scrubbed_environment() -> dict[str, str]:
    """What a worker may see of the server's environment: no secret is among it."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}


class Worker:
    """One process with the tools it has loaded. An invoker while its slot is held."""

    def __init__(self, child: Child, target: Target) -> None:
        self._child = child
        self._target = target
        self._loaded: set[Target] = set()
        self._tainted = False

    @property
    def usable(self) -> bool:
        return self._child.usable and not self._tainted

    async def prepare(self, target: Target) -> None:
        """Have the tool imported. Raises ToolExecutionError; nothing of the tool ran but its module."""
        self._target = target
        if target in self._loaded:
            return
        await self._child.send(Load(target=target))
        while not isinstance(frame := await self._child.receive(), Loaded):
            if not isinstance(frame, Ready | LogLine):
                raise ChildGoneError
        if frame.error is not None:
            raise ToolExecutionError(frame.error, detail=self._child.output.take())
        self._loaded.add(target)
        self._child.output.take()

    async def invoke(self, request: CallRequest, host: ToolHost) -> str:
        """The result as the text for the model. See `spec.Invoker`."""
        slim = msgspec.structs.replace(request, spec=msgspec.structs.replace(request.spec, parameters={}))
        try:
            await self._child.send(Call(target=self._target, request=slim))
            done = await self._serve(request, host)
        except ChildGoneError as exc:
            raise await self._crash() from exc
        except BaseException:
            self._child.kill()
            raise
        self._tainted = done.tainted
        if done.result is not None:
            self._child.output.take()
            return valid_text(done.result)
        raise self._failure(done)

    async def _serve(self, request: CallRequest, host: ToolHost) -> Done:
        """Do what the tool asks of its run until it is done."""
        while True:
            match await self._child.receive():
                case Done() as done:
                    return done
                case Progress(value=value):
                    host.progress(valid_text(value[:_TEXT_CAP]) if isinstance(value, str) else value)
                case Patch() as patch:
                    await self._child.send(await _record(patch, host))
                case Fetch(request=asked):
                    await self._child.send(await _fetched(asked, host))
                case LogLine() as line:
                    _write(line, request)
                case _:
                    raise ChildGoneError

    async def _crash(self) -> ToolExecutionError:
        status = await self._child.ended(0.5)
        detail = self._child.output.take()
        self._child.kill()
        return ToolExecutionError(f"the tool's process {_how(status)}", code="tool_crashed", detail=detail)

    def _failure(self, done: Done) -> ToolError:
        if done.retry:
            return ToolRetry(done.message, after=done.retry_after)
        output = self._child.output.take()
        detail = f"{done.detail or ''}\n--- output ---\n{output}" if output else done.detail
        kind = TransientToolError if done.transient else ToolExecutionError
        return kind(done.message, code=done.code, detail=detail)

    async def close(self) -> None:
        """Let the process clean up for a moment, then end it."""
        if self.usable:
            self._child.say_goodbye()
            await self._child.ended(_GOODBYE_SECONDS)
        await self._child.reap()

    def kill(self) -> None:
        self._child.kill()


def _write(line: LogLine, request: CallRequest) -> None:
    """Write a line of this call; a thread left behind by an earlier call is not heard."""
    if (line.run_id, line.call) == (request.run_id, request.call):
        facts = {"run_id": request.run_id, "call": request.call, "tool": request.spec.name}
        _log.log(line.level, "%s", valid_text(line.message[:_TEXT_CAP]), extra=facts)


async def _record(patch: Patch, host: CallHost) -> Answer:
    try:
        await host.change_context(patch.scope, patch.patch)
    except BaseError as exc:
        return Answer(error=exc.message)
    return Answer()


async def _fetched(request: HttpRequest, host: ToolHost) -> Fetched:
    try:
        return Fetched(reply=await host.http(request))
    except BaseError as exc:
        kind: Literal["timeout", "unavailable", "other"] = "other"
        if isinstance(exc, ServiceTimeoutError):
            kind = "timeout"
        elif isinstance(exc, ServiceUnavailableError):
            kind = "unavailable"
        return Fetched(kind=kind, code=exc.code, message=exc.message, retry_after=exc.retry_after)


def _how(status: int | None) -> str:
    if status is None:
        return "stopped answering"
    if status >= 0:
        return f"ended by itself (exit status {status})"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


class Workers:
    """The slots. Whoever holds one has a worker that has imported the tool."""

    def __init__(self, limit: int = 4, environment: Mapping[str, str] | None = None) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._environment = scrubbed_environment() if environment is None else dict(environment)
        self._idle: list[Worker] = []
        self._endings: set[asyncio.Task[None]] = set()
        self._closed = False

    @asynccontextmanager
    async def slot(self, target: Target) -> AsyncIterator[Worker]:
        """Wait for a slot, then a worker ready to run `target`; taken back, or killed, at the end.

        Raises:
            ToolExecutionError: no process can be had, or the tool's file cannot be imported in one; nothing ran.
        """
        async with self._slots:
            worker = await self._ready(target)
            try:
                yield worker
            finally:
                self._take_back(worker)

    async def aclose(self) -> None:
        """End every worker; idempotent."""
        self._closed = True
        for worker in self._idle:
            self._end(worker)
        self._idle.clear()
        await asyncio.gather(*self._endings, return_exceptions=True)

    async def _ready(self, target: Target) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.usable:
                try:
                    return await self._prepared(worker, target)
                except ChildGoneError:
                    continue  # it died while idle: a fresh one will tell whether the tool is to blame
            self._end(worker)
        if self._closed:
            raise ToolExecutionError("the server is shutting down")
        try:
            return await self._prepared(await self._spawn(target), target)
        except ChildGoneError as exc:
            raise ToolExecutionError("the tool's file ended its process when imported", code="tool_crashed") from exc

    async def _spawn(self, target: Target) -> Worker:
        try:
            child = await Child.spawn("journeyman.tools.worker_child", self._environment)
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise ToolExecutionError(f"no worker process can be started: {reason}", code="tool_crashed") from exc
        return Worker(child, target)

    async def _prepared(self, worker: Worker, target: Target) -> Worker:
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                await worker.prepare(target)
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

    def _take_back(self, worker: Worker) -> None:
        if worker.usable and not self._closed:
            self._idle.append(worker)
        else:
            self._end(worker)

    def _kill(self, worker: Worker) -> None:
        worker.kill()
        self._end(worker)

    def _end(self, worker: Worker) -> None:
        task = asyncio.get_running_loop().create_task(worker.close())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
