"""A worker process as the server sees it: it loads tools into it, sends it calls and reads their outcome."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import msgspec

from journeyman.egress.http_messages import HttpRequest
from journeyman.errors import BaseError, ServiceTimeoutError, ServiceUnavailableError, ToolError, ToolExecutionError
from journeyman.events.messages import valid_text
from journeyman.tools.failures import TransientToolError
from journeyman.tools.process.child import Child, ChildGoneError, ForeignFrameError
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.process.protocol import (
    Ask,
    AskAnswered,
    Done,
    Fetch,
    Fetched,
    Load,
    LogLine,
    Patch,
    PatchAnswer,
    ProgressReport,
    Ready,
    RunTool,
    ToolLoaded,
)
from journeyman.tools.sandbox.confinement import MEBIBYTE, Confinement
from journeyman.tools.spec import CallHost, CallRequest, OnPrinted, Question, ToolHost, Unanswered, ignore_printed
from journeyman.tools.tool import ToolRetry
from journeyman.tools.tool_file import TextWithFiles

_log = logging.getLogger("journeyman.tool")

_EXIT_SECONDS = 1.0  # for a worker to clean up and exit by itself
_TEXT_CAP = 4000  # characters of a progress text or a log line


class WorkerKey(NamedTuple):
    """Whose calls a worker process serves, and how it is confined. It serves no others as long as it lives."""

    confinement: Confinement
    principal: str


class ToolWorker:
    """A worker process as the server sees it: what it may serve, and the tools that it has loaded."""

    def __init__(self, child: Child, key: WorkerKey, folder: str | None = None) -> None:
        self.key = key
        self._child = child
        self._folder = folder  # for its temporary files; removed with the worker
        self._loaded: set[ImportTarget] = set()
        self._versions: dict[str, str] = {}  # folder or module -> version of the code that was loaded
        self._started = False
        self._retired = False
        self._printed_too_much = False

    @property
    def usable(self) -> bool:
        """Whether the worker may serve another call."""
        return self._child.usable and not self._retired

    @property
    def can_begin(self) -> bool:
        """Whether a call can begin now: as `usable`, and nothing that an earlier call wrote waits to be read."""
        return self._child.can_begin and not self._retired

    def can_load(self, target: ImportTarget) -> bool:
        """Check that no other version of the target's folder is loaded: a process never mixes two versions."""
        return self._versions.get(_code_of(target), _version(target)) == _version(target)

    def retire(self) -> None:
        """Serve no further call; a call in progress goes on."""
        self._retired = True

    async def prepare(self, target: ImportTarget, files: Mapping[str, bytes]) -> None:
        """Import the tool, unless that has been done. Raises ToolExecutionError if it cannot be imported."""
        if target in self._loaded:
            return
        await self._wait_until_started()
        new = _code_of(target) not in self._versions
        self._child.begin_exchange()
        await self._child.send(Load(target=target, files=dict(files) if new else {}))
        while not isinstance(frame := await self._child.receive(), ToolLoaded):
            if not isinstance(frame, LogLine):
                raise ChildGoneError
        if frame.error is not None:
            raise ToolExecutionError(frame.error, detail=self._child.output.take())
        self._loaded.add(target)
        self._versions[_code_of(target)] = _version(target)
        self._child.output.take()

    async def _wait_until_started(self) -> None:
        """Take the child's first frame, which belongs to no exchange."""
        if not self._started and not isinstance(await self._child.receive(), Ready):
            raise ChildGoneError
        self._started = True

    async def run(
        self, target: ImportTarget, request: CallRequest, host: ToolHost, on_printed: OnPrinted = ignore_printed
    ) -> str | TextWithFiles:
        """Run a prepared tool. Returns its result as the text for the model; raises as `spec.Invoker.invoke` does.

        `on_printed` is called once with what the code printed, unless that is nothing, however the call ends.
        """

        def taken() -> str:
            if output := self._child.output.take():
                on_printed(request, output)
            return output

        with self._child.output.limited(self.key.confinement.limits.output_mb * MEBIBYTE, self._stop_printing):
            done = await self._done(target, request, host, taken)
        self._retired = self._retired or not done.reusable
        output = taken()
        if done.result is not None:
            text = valid_text(done.result)
            return TextWithFiles(text, done.files) if done.files else text
        raise _failure(done, output)

    async def _done(self, target: ImportTarget, request: CallRequest, host: ToolHost, taken: Callable[[], str]) -> Done:
        """Run a call to its end. A call that does not end, or is cancelled, kills the process.

        `taken` takes what it printed.
        """
        if request.principal != self.key.principal:
            raise ToolExecutionError("the call is of another principal than its worker process", code="tool_refused")
        slim = msgspec.structs.replace(request, spec=msgspec.structs.replace(request.spec, parameters={}))
        try:
            self._child.begin_exchange()
            await self._child.send(RunTool(target=target, request=slim))
            return await self._serve(request, host)
        except ForeignFrameError as exc:
            detail = taken()
            self._child.kill()
            text = "the tool's process sent something that does not belong to the call, and was ended"
            raise ToolExecutionError(text, code="tool_crashed", detail=detail) from exc
        except ChildGoneError as exc:
            raise await self._crash(taken) from exc
        except BaseException:
            taken()
            self._child.kill()
            raise

    async def _serve(self, request: CallRequest, host: ToolHost) -> Done:
        """Answer the tool's requests to its run and to the network until the call is done."""
        while True:
            match await self._child.receive():
                case Done() as done:
                    return done
                case ProgressReport(value=value):
                    host.progress(valid_text(value[:_TEXT_CAP]) if isinstance(value, str) else value)
                case Patch() as patch:
                    await self._child.send(await _record(patch, host))
                case Fetch(request=asked):
                    await self._child.send(await _fetched(asked, host))
                case Ask(question=question):
                    await self._child.send(await _asked(question, host))
                case LogLine() as line:
                    if host.may_log():
                        _log_line(line, request)
                case _:
                    raise ChildGoneError

    async def _crash(self, taken: Callable[[], str]) -> ToolExecutionError:
        """Return why the process ended during a call."""
        status = await self._child.wait_for_exit(0.5)
        detail = taken()
        self._child.kill()
        limits = self.key.confinement.limits
        if self._printed_too_much:
            text = f"the tool printed more than {limits.output_mb} MiB and was stopped"
            return ToolExecutionError(text, code="tool_limit", detail=detail)
        if status == -signal.SIGXCPU:
            text = f"the tool used more than {limits.cpu_seconds} seconds of CPU and was stopped"
            return ToolExecutionError(text, code="tool_limit", detail=detail)
        return ToolExecutionError(f"the tool's process {_how(status)}", code="tool_crashed", detail=detail)

    def _stop_printing(self) -> None:
        self._printed_too_much = True
        self._child.kill()

    async def close(self) -> None:
        """End the process; one that is still usable gets a second to clean up."""
        if self.usable:
            self._child.close_socket()
            await self._child.wait_for_exit(_EXIT_SECONDS)
        await self._child.reap()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def kill(self) -> None:
        """Kill the process at once."""
        self._child.kill()


def _failure(done: Done, output: str) -> ToolError:
    """Return the error of a call that failed, with what it printed."""
    if done.retry:
        return ToolRetry(done.message, after=done.retry_after)
    detail = f"{done.detail or ''}\n--- output ---\n{output}" if output else done.detail
    kind = TransientToolError if done.transient else ToolExecutionError
    return kind(done.message, code=done.code, detail=detail)


def _log_line(line: LogLine, request: CallRequest) -> None:
    """Log a line of this call; drop one from a thread that an earlier call left running."""
    if (line.run_id, line.call) == (request.run_id, request.call):
        facts = {"run_id": request.run_id, "call": request.call, "tool": request.spec.name}
        _log.log(line.level, "%s", valid_text(line.message[:_TEXT_CAP]), extra=facts)


async def _record(patch: Patch, host: CallHost) -> PatchAnswer:
    try:
        await host.change_context(patch.scope, patch.patch)
    except BaseError as exc:
        return PatchAnswer(error=exc.message)
    return PatchAnswer()


async def _asked(question: Question, host: CallHost) -> AskAnswered:
    try:
        return AskAnswered(answer=await host.ask(question))
    except Unanswered:
        return AskAnswered()
    except BaseError as exc:
        return AskAnswered(error=exc.message)


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


def _code_of(target: ImportTarget) -> str:
    """Return the folder, file or module of which a process may hold one version only."""
    return target.root if target.folder else target.file or target.module


def _version(target: ImportTarget) -> str:
    return target.folder or target.code_hash
