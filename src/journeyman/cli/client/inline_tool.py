"""Calls a tool's function in this process, for debugging: no run, no worker process, nothing recorded."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any, Literal

import journeyman
from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.errors import ToolExecutionError
from journeyman.events.codec import Codec
from journeyman.events.messages import JSON
from journeyman.tools.authoring.context import BlockingToolContext
from journeyman.tools.authoring.open_resources import OpenResources
from journeyman.tools.failures import readable
from journeyman.tools.process.import_target import resolve
from journeyman.tools.registry import RegisteredTool, ToolRegistry
from journeyman.tools.schema.describe import Described, describe
from journeyman.tools.spec import CallRequest, Question

_OWN_CODE = Path(journeyman.__file__).parent


class InlineToolHost:
    """A tool host without a run: progress and context changes are printed to stderr, with known secrets masked.

    The async methods serve async tools, the others serve the BlockingToolContext of plain functions.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    async def starting(self, attempt: int) -> None:
        """Do nothing: no attempt is recorded."""

    def progress(self, value: str | float) -> None:
        """Print the tool's progress."""
        print(f"… {self._codec.clean(str(value))}", file=sys.stderr)

    def may_log(self) -> bool:
        """Return True: the lines are those of this command."""
        return True

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Print the change, as `change` does."""
        self.change(scope, patch)

    async def ask(self, question: Question) -> str:
        """Ask the human at the terminal, as `answer` does."""
        return self.answer(question)

    def answer(self, question: Question) -> str:
        """Print the question and return the line that the human types. Raises ToolExecutionError without a terminal."""
        if not sys.stdin.isatty():
            raise ToolExecutionError(
                "ctx.ask needs a human to answer. Call the tool on a terminal, or without --inline."
            )
        print(question.text, file=sys.stderr)
        return input("> ")

    async def http(self, request: HttpRequest) -> HttpReply:
        """Raise ToolExecutionError, as `fetch` does."""
        return self.fetch(request)

    def fetch(self, request: HttpRequest) -> HttpReply:
        """Raise ToolExecutionError: HTTP requests of tools need the server's guards."""
        raise ToolExecutionError("ctx.http needs the guards of the server. Call the tool without --inline.")

    def change(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Print a context change; there is no context to apply it to."""
        print(f"{scope} context: {self._codec.masked(patch)}", file=sys.stderr)


async def call_inline(registry: ToolRegistry, name: str, arguments: dict[str, JSON], codec: Codec) -> Any:
    """Call the tool `name` and return its value, with secrets masked.

    Raises ToolNotFoundError, ToolValidationError for bad arguments, and ToolExecutionError with the tool's exception as
    its cause.
    """
    tool, host = registry.get(name), InlineToolHost(codec)
    try:
        return codec.masked(await _call(tool, _request(tool, tool.check_arguments(arguments)), host))
    except ToolExecutionError as exc:
        raise ToolExecutionError(codec.clean(exc.message), code=exc.code) from (exc.__cause__ or exc)


def traceback_text(error: BaseException) -> str:
    """Return the traceback of an error from the first frame of the tool's own code, or whole if there is none."""
    trace = error.__traceback__
    while trace is not None and Path(trace.tb_frame.f_code.co_filename).is_relative_to(_OWN_CODE):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace or error.__traceback__))


async def _call(tool: RegisteredTool, request: CallRequest, host: InlineToolHost) -> Any:
    if tool.invoker is not None:
        return await tool.invoker.invoke(request, host)
    if tool.target is None:
        raise ToolExecutionError(f"The tool {tool.spec.name!r} has no function that can be called in this process.")
    return await _call_blocking(describe(resolve(tool.target, {})), request, host)


def _request(tool: RegisteredTool, arguments: dict[str, JSON]) -> CallRequest:
    return CallRequest(
        spec=tool.spec,
        arguments=arguments,
        call="inline",
        run_id="run_inline",
        thread_id="inline",
        principal="local",
        idempotency_key="inline",
    )


async def _call_blocking(described: Described, request: CallRequest, host: InlineToolHost) -> Any:
    """Call a function that a server would call in a worker process."""
    signature, resources = described.signature, OpenResources()
    arguments: dict[str, Any] = dict(request.arguments)
    if described.arguments is not None and not signature.plain:
        arguments = described.arguments.convert(arguments)
    if signature.context:
        arguments[signature.context] = BlockingToolContext(request, host.change, host.progress, host.fetch, host.answer)
    try:
        for name, resource in signature.resources.items():
            arguments[name] = await resources.get(resource)
        result = described.function(**arguments)
        return await result if hasattr(result, "__await__") else result
    except Exception as exc:
        raise ToolExecutionError(readable(exc)) from exc
    finally:
        await resources.aclose()
