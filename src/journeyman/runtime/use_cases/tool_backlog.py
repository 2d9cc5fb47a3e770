"""The backlog of lone tool calls: one that would wait behind too many for a worker process is refused at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import msgspec

from journeyman.errors import ResourceError


class WaitingCalls(Protocol):
    """The calls that wait for a worker process, whatever started them. Implemented by the pool of workers."""

    @property
    def waiting(self) -> int: ...

    def waiting_of(self, owner: str) -> int:
        """Return how many calls of an owner wait."""
        ...


class ToolBacklogLimits(msgspec.Struct, frozen=True):
    """How many calls may wait for a worker process when a lone call comes: of all owners, and of one."""

    limit: int = 512
    share: int = 256


class ToolBacklog:
    """Lets lone tool calls in, as long as not too many calls wait. Calls of other runs are never refused."""

    def __init__(self, calls: WaitingCalls, limits: ToolBacklogLimits = ToolBacklogLimits()) -> None:
        self._calls = calls
        self._limits = limits
        self._entering: Counter[str] = Counter()  # calls that are being stored, and do not wait yet

    @contextmanager
    def entering(self, owner: str) -> Iterator[None]:
        """Count a lone call for the block, in which it is stored. Raises ResourceError (`overloaded`)."""
        self._check(owner)
        self._entering[owner] += 1
        try:
            yield
        finally:
            self._entering[owner] -= 1
            if not self._entering[owner]:
                del self._entering[owner]

    def _check(self, owner: str) -> None:
        if self._calls.waiting + self._entering.total() >= self._limits.limit:
            text = "Too many tool calls are waiting for a worker process. Try again shortly."
            raise ResourceError(text, retry_after=2)
        if self._calls.waiting_of(owner) + self._entering[owner] >= self._limits.share:
            text = (
                "Too many of your tool calls are waiting for a worker process. Try again when some of them have ended."
            )
            raise ResourceError(text, retry_after=2)
