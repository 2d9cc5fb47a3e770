from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from journeyman.tools.spec import Invoker
from journeyman.tools.target import Target


class Workers:
    @asynccontextmanager
    async def slot(self, target: Target) -> AsyncIterator[Invoker]:
        raise NotImplementedError
        yield
