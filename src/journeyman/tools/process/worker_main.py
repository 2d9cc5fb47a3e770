"""The worker process, started by the pool: it receives calls, runs the tool's code and answers. Its imports are few."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.errors import (
    ServiceError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    StateError,
    ToolError,
    ToolExecutionError,
)
from journeyman.events.messages import JSON
from journeyman.tools.authoring.context import BlockingToolContext, ToolContext
from journeyman.tools.authoring.definition import declaration_of
from journeyman.tools.failures import DETAIL_CAP, TransientToolError, detail_of, failure_of
from journeyman.tools.process.cleanup import ProcessBaseline
from journeyman.tools.process.import_target import ImportTarget, resolve
from journeyman.tools.process.protocol import (
    Ask,
    AskAnswered,
    ChildChannel,
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
from journeyman.tools.results import formatted_result
from journeyman.tools.sandbox.confinement import FIRST_OF_NAMESPACE, Confinement, allow_cpu, confine
from journeyman.tools.sandbox.kernel import die_with
from journeyman.tools.schema.signature import Signature, read_signature
from journeyman.tools.spec import CallRequest, Question, Unanswered
from journeyman.tools.tool import BaseTool, ToolRetry
from journeyman.tools.tool_file import TextWithFiles
from journeyman.user_code.importing import Package

_NICE = 10


def main(fd: int, parent: int, wanted: str) -> None:
    """Confine the process, then serve calls until the server closes the socket. `wanted`: a Confinement as JSON."""
    die_with(parent)
    os.nice(_NICE)
    confinement = msgspec.json.decode(wanted, type=Confinement)
    confine(confinement)
    channel = ChildChannel(socket.socket(fileno=fd))
    logging.getLogger("journeyman.tool").addHandler(_LogForwarder(channel))
    logging.getLogger("journeyman.tool").setLevel(logging.DEBUG)
    channel.send(Ready())
    status = _CallLoop(channel, confinement).serve()
    os._exit(status)  # runs no atexit handlers and does not wait for threads that a tool left running


class _LogForwarder(logging.Handler):
    """Sends what a tool logs by `ctx.log` to the server."""

    def __init__(self, channel: ChildChannel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        run_id, call = getattr(record, "run_id", ""), getattr(record, "call", "")
        message = record.getMessage()[:DETAIL_CAP]
        if not self._channel.owned:  # in a process that the tool forked: its output is kept with the call's
            sys.stderr.write(f"{message}\n")
        elif self._channel.in_exchange:
            self._channel.send(LogLine(level=record.levelno, message=message, run_id=run_id, call=call))


class _ServerHost:
    """The host of one call: it passes what the tool asks for on to the server. A ToolHost for `async def` tools.

    It is closed when the call is over, so that a thread which the tool left running cannot act for the next call.
    """

    def __init__(self, channel: ChildChannel) -> None:
        self._channel = channel
        self._exchange = threading.RLock()  # one request and its answer at a time
        self._open = True

    def close(self) -> None:
        """Refuse every request from now on."""
        with self._exchange:
            self._open = False

    async def starting(self, attempt: int) -> None:
        """Do nothing: the server has recorded the start of the call."""

    def progress(self, value: str | float) -> None:
        """Show progress to clients that follow the run."""
        with self._exchange:
            if self._open and self._channel.owned:
                self._channel.send(ProgressReport(value=value))

    def may_log(self) -> bool:
        """Return True: the server counts the lines."""
        return True

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Record a patch, as `change` does."""
        self.change(scope, patch)

    def change(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Return once the server has recorded the patch. Raises StateError if it was refused."""
        with self._exchange:
            if not self._open:
                raise StateError("the call is over: its context cannot be changed any more")
            self._channel.send(Patch(scope=scope, patch=patch))
            answer = self._channel.receive()
        if not isinstance(answer, PatchAnswer):
            os._exit(1)
        if answer.error is not None:
            raise StateError(answer.error)

    async def ask(self, question: Question) -> str:
        """Return a human's answer, as `answer` does."""
        return self.answer(question)

    def answer(self, question: Question) -> str:
        """Return a human's answer. Raises Unanswered if there is none yet, ToolExecutionError if it is refused."""
        with self._exchange:
            if not self._open:
                raise StateError("the call is over: it asks nothing any more")
            self._channel.send(Ask(question=question))
            reply = self._channel.receive()
        if not isinstance(reply, AskAnswered):
            os._exit(1)
        if reply.error is not None:
            raise ToolExecutionError(reply.error, code="ask_refused")
        if reply.answer is None:
            raise Unanswered
        return reply.answer

    async def http(self, request: HttpRequest) -> HttpReply:
        """Make an HTTP request, as `fetch` does."""
        return self.fetch(request)

    def fetch(self, request: HttpRequest) -> HttpReply:
        """Have the server make an HTTP request and return the reply. Raises ServiceError."""
        with self._exchange:
            if not self._open:
                raise StateError("the call is over: it makes no requests any more")
            self._channel.send(Fetch(request=request))
            answer = self._channel.receive()
        if not isinstance(answer, Fetched):
            os._exit(1)
        if answer.reply is None:
            raise _service_error(answer)
        return answer.reply


def _service_error(answer: Fetched) -> ServiceError:
    kinds = {"timeout": ServiceTimeoutError, "unavailable": ServiceUnavailableError}
    return kinds.get(answer.kind, ServiceError)(answer.message, code=answer.code, retry_after=answer.retry_after)


class _LoadedTool:
    """A tool's function as this process imported it, and how its arguments are converted."""

    def __init__(self, thing: Any) -> None:
        definition = declaration_of(thing)
        name = thing.name if definition is None else definition.name
        self.function: Callable[..., Any] = thing.run if isinstance(thing, BaseTool) else thing
        self.brings_schema = isinstance(thing, BaseTool) and type(thing).get_spec is not BaseTool.get_spec
        self.signature = (
            Signature(summary="", arguments=()) if self.brings_schema else read_signature(self.function, name)
        )
        self.convert: Callable[[dict[str, JSON]], dict[str, Any]] = dict
        if not self.signature.plain:
            # Importing pydantic takes 0.1 s: only for tools whose arguments are more than plain JSON.
            from journeyman.tools.schema.compiled import Arguments  # noqa: PLC0415

            self.convert = Arguments.of(name, self.signature).convert


class _CallLoop:
    """Loads tools and runs calls, one after the other, as the server asks for them."""

    def __init__(self, channel: ChildChannel, confinement: Confinement) -> None:
        self._channel = channel
        self._limits = confinement.limits
        self._baseline = ProcessBaseline(alone=confinement.namespaces and os.getpid() == FIRST_OF_NAMESPACE)
        self._tools: dict[ImportTarget, _LoadedTool] = {}
        self._packages: dict[str, Package] = {}
        self._runner: Any = None
        self._resources: Any = None

    def serve(self) -> int:
        """Serve until the server closes the socket. Returns the exit status."""
        while (frame := self._channel.next_exchange()) is not None:
            match frame:
                case Load(target=target, files=files):
                    if files and target.root not in self._packages:
                        self._packages[target.root] = Package(Path(target.root), files)
                    self._channel.end_exchange(ToolLoaded(error=self._load(target)))
                case RunTool(target=target, request=request):
                    self._channel.end_exchange(self._call(self._tools[target], request))
        self._close()
        return 0

    def _load(self, target: ImportTarget) -> str | None:
        """Import a tool. Returns why it cannot be imported; None if it was."""
        try:
            self._tools[target] = _LoadedTool(resolve(target, self._packages))
            self._end_if_forked(None)
        except BaseException as exc:  # noqa: BLE001 - importing runs the user's code
            self._end_if_forked(exc)
            return exc.message if isinstance(exc, ToolError) else str(failure_of(exc))
        return None

    def _call(self, tool: _LoadedTool, request: CallRequest) -> Done:
        host = _ServerHost(self._channel)
        try:
            allow_cpu(time.process_time(), self._limits)
            value = self._run(tool, request, host)
            self._end_if_forked(None)
            result = formatted_result(value, request.spec.policy.output_cap)
            done = _done(result)
        except BaseException as exc:  # noqa: BLE001 - a tool may raise anything, SystemExit too
            self._end_if_forked(exc)
            done = _failed(exc)
        host.close()
        return done if self._baseline.restore() else msgspec.structs.replace(done, reusable=False)

    def _end_if_forked(self, exc: BaseException | None) -> None:
        """End a process that user code forked and that came back from it, as Python ends a program."""
        if self._channel.owned:
            return
        code = 0
        if isinstance(exc, SystemExit):
            code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
        elif exc is not None:
            code = 1
            traceback.print_exception(exc)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def _run(self, tool: _LoadedTool, request: CallRequest, host: _ServerHost) -> Any:
        given = tool.convert(request.arguments)
        signature = tool.signature
        for name, resource in signature.resources.items():
            given[name] = self._open(resource)
        if not signature.blocking or tool.brings_schema:
            if signature.context:
                given[signature.context] = ToolContext(request, host)
            return self._wait_for(tool.function(**given))
        if signature.context:
            given[signature.context] = BlockingToolContext(request, host.change, host.progress, host.fetch, host.answer)
        value = tool.function(**given)
        return self._wait_for(value) if hasattr(value, "__await__") else value

    def _open(self, resource: Any) -> Any:
        if self._resources is None:
            # Importing asyncio takes 0.05 s: only for tools with resources, or async ones in a process.
            from journeyman.tools.authoring.open_resources import OpenResources  # noqa: PLC0415

            self._resources = OpenResources()
        return self._wait_for(self._resources.get(resource))

    def _wait_for(self, awaitable: Any) -> Any:
        if self._runner is None:
            import asyncio  # noqa: PLC0415 - as above

            self._runner = asyncio.Runner()
        return self._runner.run(awaitable)

    def _close(self) -> None:
        if self._resources is not None:
            self._wait_for(self._resources.aclose())


def _done(result: str | TextWithFiles) -> Done:
    if isinstance(result, TextWithFiles):
        return Done(result=result.text, files=result.files)
    return Done(result=result)


def _failed(exc: BaseException) -> Done:
    if isinstance(exc, MemoryError):
        text = "the tool needed more memory than it may use"
        return Done(code="tool_limit", message=text, detail=detail_of(exc), reusable=False)
    if isinstance(exc, ToolRetry):
        return Done(retry=True, message=exc.message, retry_after=exc.retry_after, code=exc.code)
    failure = exc if isinstance(exc, ToolError) else failure_of(exc)
    return Done(
        code=failure.code,
        message=failure.message,
        detail=getattr(failure, "detail", None),
        transient=isinstance(failure, TransientToolError),
    )
