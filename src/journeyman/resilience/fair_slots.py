"""Slots that owners share: each has at most a share of them, and those that wait take turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from journeyman.resilience.fair_queue import FairQueue


class FairSlots:
    """A number of slots, of which one owner holds at most `share` at a time."""

    def __init__(self, slots: int, share: int) -> None:
        self._free = slots
        self._share = share
        self._held: Counter[str] = Counter()
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()

    @property
    def waiting(self) -> int:
        """The number of those that wait for a slot."""
        return len(self._waiting)

    def waiting_of(self, owner: str) -> int:
        """Return how many of an owner wait for a slot."""
        return self._waiting.count(owner)

    @asynccontextmanager
    async def slot(self, owner: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it for the block."""
        await self._acquire(owner)
        try:
            yield
        finally:
            self._release(owner)

    async def _acquire(self, owner: str) -> None:
        # Those that wait now may not have a slot: a free one would have been given to them.
        if self._free and self._may(owner):
            self._hold(owner)
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put(owner, given)
        try:
            await given
        except asyncio.CancelledError:
            self._waiting.discard(given)  # it was cancelled before or after it was given a slot
            if given.done() and not given.cancelled():
                self._release(owner)
            raise

    def _may(self, owner: str) -> bool:
        return self._held.get(owner, 0) < self._share

    def _hold(self, owner: str) -> None:
        self._free -= 1
        self._held[owner] += 1

    def _release(self, owner: str) -> None:
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        while self._free and (turn := self._waiting.take(self._may)) is not None:
            following, given = turn
            if not given.done():  # else the one that waits is cancelled, and has not run since
                self._hold(following)
                given.set_result(None)
