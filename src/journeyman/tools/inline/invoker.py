"""Inline tools: `async def` on the server's own event loop. Trusted, but no exception of theirs ends the server."""

from __future__ import annotations

import asyncio

from journeyman.errors import ToolError, ToolExecutionError
from journeyman.events.messages import JSON
from journeyman.tools.authoring.context import ToolContext
from journeyman.tools.authoring.open_resources import OpenResources
from journeyman.tools.failures import failure_of
from journeyman.tools.inline.watchdog import Watchdog
from journeyman.tools.schema.describe import Described
from journeyman.tools.spec import CallRequest, ToolHost


class InlineInvoker:
    """Runs one tool's coroutine function."""

    def __init__(self, described: Described, resources: OpenResources, watchdog: Watchdog) -> None:
        self._function = described.function
        self._context = described.signature.context
        self._injected = tuple(described.signature.resources.items())
        self._resources = resources
        self._watchdog = watchdog
        arguments = described.arguments
        self._convert = None if arguments is None or described.signature.plain else arguments.check

    async def invoke(self, request: CallRequest, host: ToolHost) -> JSON:
        """The tool's return value, whatever it is: the executor makes text of it.

        Raises ToolError: the tool's own (ToolRetry, say), or one made of what it raised. A cancellation from outside
        passes through.
        """
        try:
            given = self._convert(request.arguments) if self._convert else dict(request.arguments)
            if self._context:
                given[self._context] = ToolContext(request, host)
            for name, resource in self._injected:
                given[name] = await self._resources.get(resource)
            return await self._watchdog.watched(request.spec.name, self._function(**given))
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise ToolExecutionError("the tool cancelled itself") from exc
        except ToolError:
            raise
        except BaseException as exc:
            # SystemExit and KeyboardInterrupt raised by a tool must not pass the event loop: they would end it.
            raise failure_of(exc) from exc
