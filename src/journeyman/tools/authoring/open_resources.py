"""The resources that this process has opened. In its own module, since a worker imports asyncio only to open one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from journeyman.errors import ToolExecutionError
from journeyman.tools.authoring.resources import Resource
from journeyman.tools.failures import failure_of


class OpenResources:
    """The resources that this process has opened: each one once, at its first use."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._values: dict[Resource, asyncio.Future[Any]] = {}

    async def get(self, resource: Resource) -> Any:
        """Return the resource's value; open it if that was not done. After a failure, the next call tries again."""
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
            opened.exception()  # marks it as retrieved, in case no other call waits for it
            if isinstance(exc, Exception | asyncio.CancelledError):
                raise
            raise failure_of(exc) from exc
        opened.set_result(value)
        return value

    async def aclose(self) -> None:
        """Close all resources, the one that was opened last first; idempotent."""
        self._values.clear()
        await self._stack.aclose()
