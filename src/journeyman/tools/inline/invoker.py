"""Runs `async def` tools on the server's event loop. Their code is trusted, but no exception of it ends the server."""

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
    """Runs the coroutine function of one tool. A `spec.Invoker`."""

    def __init__(self, described: Described, resources: OpenResources, watchdog: Watchdog) -> None:
        self._function = described.function
        self._context = described.signature.context
        self._wanted_resources = tuple(described.signature.resources.items())
        self._resources = resources
        self._watchdog = watchdog
        arguments = described.arguments
        self._convert = None if arguments is None or described.signature.plain else arguments.convert

    async def invoke(self, request: CallRequest, host: ToolHost) -> JSON:
        """Run the tool and return its value, of any type: the executor makes text of it.

        Raises ToolError: one that the tool raised (such as ToolRetry), or one made of another exception. A cancellation
        of the task passes through.
        """
        try:
            given = self._convert(request.arguments) if self._convert else dict(request.arguments)
            if self._context:
                given[self._context] = ToolContext(request, host)
            for name, resource in self._wanted_resources:
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
            # SystemExit and KeyboardInterrupt raised by a tool would end the event loop.
            raise failure_of(exc) from exc
