"""One tool called in this process, for debugging: checked arguments, no journal, no isolation, no timeout."""

from __future__ import annotations

import sys
from typing import Any, Literal

from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.errors import ToolExecutionError
from journeyman.events.codec import Codec
from journeyman.events.messages import JSON
from journeyman.tools.authoring.context import BlockingToolContext
from journeyman.tools.authoring.open_resources import OpenResources
from journeyman.tools.process.import_target import resolve
from journeyman.tools.registry import RegisteredTool, ToolRegistry
from journeyman.tools.schema.describe import Described, describe
from journeyman.tools.spec import CallRequest, Question


class InlineToolHost:
    """The host of a call without a run: what the tool tells its run goes to stderr, known secrets replaced."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    async def starting(self, attempt: int) -> None:
        return None

    def progress(self, value: str | float) -> None:
        print(f"… {self._codec.clean(str(value))}", file=sys.stderr)

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        self.change(scope, patch)

    async def ask(self, question: Question) -> str:
        return self.answer(question)

    def answer(self, question: Question) -> str:
        if not sys.stdin.isatty():
            raise ToolExecutionError("ctx.ask needs a human: call the tool on a terminal, or without --inline")
        print(question.text, file=sys.stderr)
        return input("> ")

    async def http(self, request: HttpRequest) -> HttpReply:
        return self.fetch(request)

    def fetch(self, request: HttpRequest) -> HttpReply:
        raise ToolExecutionError("ctx.http needs the server's guards: call the tool without --inline")

    def change(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        print(f"{scope} context: {self._codec.masked(patch)}", file=sys.stderr)


async def call_inline(registry: ToolRegistry, name: str, given: dict[str, JSON], codec: Codec) -> Any:
    """The tool's return value. Raises ToolNotFoundError, ToolValidationError, ToolExecutionError (its cause kept)."""
    tool, host = registry.get(name), InlineToolHost(codec)
    try:
        return codec.masked(await _called(tool, _request(tool, tool.check_arguments(given)), host))
    except ToolExecutionError as exc:
        raise ToolExecutionError(codec.clean(exc.message), code=exc.code) from (exc.__cause__ or exc)


async def _called(tool: RegisteredTool, request: CallRequest, host: InlineToolHost) -> Any:
    if tool.invoker is not None:
        return await tool.invoker.invoke(request, host)
    if tool.target is None:
        raise ToolExecutionError(f"{tool.spec.name} has no function to call here")
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
    """A plain `def` where a worker process would call it."""
    signature, resources = described.signature, OpenResources()
    given: dict[str, Any] = dict(request.arguments)
    if described.arguments is not None and not signature.plain:
        given = described.arguments.check(given)
    if signature.context:
        given[signature.context] = BlockingToolContext(request, host.change, host.progress, host.fetch, host.answer)
    try:
        for name, resource in signature.resources.items():
            given[name] = await resources.get(resource)
        result = described.function(**given)
        return await result if hasattr(result, "__await__") else result
    except Exception as exc:
        raise ToolExecutionError(f"{type(exc).__name__}: {exc}") from exc
    finally:
        await resources.aclose()
