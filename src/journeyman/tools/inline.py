"""Inline tools: `async def` on the server's own event loop. Trusted, but no exception of theirs ends the server."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from journeyman.errors import ToolExecutionError
from journeyman.events.messages import JSON
from journeyman.tools.context import ToolContext
from journeyman.tools.describe import Described
from journeyman.tools.failures import failure_of
from journeyman.tools.resources import Resource
from journeyman.tools.spec import CallHost, CallRequest
from journeyman.tools.tool import ToolRetry


class OpenResources:
    """The resources that this process has opened: each once, on first use."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._values: dict[Resource, asyncio.Future[Any]] = {}

    async def get(self, resource: Resource) -> Any:
        """The resource's value. A failed opening is tried again by the next call."""
        known = self._values.get(resource)
        if known is not None:
            return await asyncio.shield(known)
        opened = asyncio.get_running_loop().create_future()
        self._values[resource] = opened
        try:
            value = await resource.open(self._stack)
        except BaseException as exc:
            del self._values[resource]
            opened.set_exception(ToolExecutionError(f"resource {resource.__name__} could not be opened"))
            opened.exception()  # nobody may be waiting
            if isinstance(exc, Exception | asyncio.CancelledError):
                raise
            raise failure_of(exc) from exc
        opened.set_result(value)
        return value

    async def aclose(self) -> None:
        """Clean up, last opened first."""
        self._values.clear()
        await self._stack.aclose()


class InlineInvoker:
    """Runs one tool's coroutine function."""

    def __init__(self, described: Described, resources: OpenResources) -> None:
        self._function = described.function
        self._context = described.signature.context
        self._injected = tuple(described.signature.resources.items())
        self._resources = resources
        arguments = described.arguments
        self._convert = None if arguments is None or described.signature.plain else arguments.check

    async def invoke(self, request: CallRequest, host: CallHost) -> JSON:
        """The tool's return value, whatever it is: the executor makes text of it.

        Raises ToolExecutionError for whatever the tool raised but ToolRetry and a cancellation from outside.
        """
        given = self._convert(request.arguments) if self._convert else dict(request.arguments)
        if self._context:
            given[self._context] = ToolContext(request, host)
        try:
            for name, resource in self._injected:
                given[name] = await self._resources.get(resource)
            return await self._function(**given)
        except ToolRetry:
            raise
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise ToolExecutionError("the tool cancelled itself") from exc
        except ToolExecutionError:
            raise
        except BaseException as exc:
            # SystemExit and KeyboardInterrupt raised by a tool must not pass the event loop: they would end it.
            raise failure_of(exc) from exc
