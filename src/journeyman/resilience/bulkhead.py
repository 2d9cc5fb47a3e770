"""A concurrency limit with a bounded queue and a bounded waiting time."""

from __future__ import annotations

import asyncio

from journeyman.clock import Clock


class Bulkhead:
    """A limit of `limit` concurrent calls and `waiting` queued ones, in order of arrival, for one event loop."""

    __slots__ = ("_clock", "_limit", "_max_waiting", "_waiting", "inside")

    def __init__(self, clock: Clock, limit: int, waiting: int = 1000) -> None:
        self._clock = clock
        self._limit = limit
        self._max_waiting = waiting
        self._waiting: dict[asyncio.Future[bool], None] = {}
        self.inside = 0

    @property
    def waiting(self) -> int:
        """The number of calls that wait for a slot."""
        return len(self._waiting)

    def enter_now(self) -> bool:
        """Take a slot if one is free and no call waits; return whether it was taken."""
        if self.inside >= self._limit or self._waiting:
            return False
        self.inside += 1
        return True

    async def enter(self, seconds: float | None) -> bool:
        """Take a slot, waiting for at most `seconds`; None: for as long as the caller does.

        False: there was no slot in time, or the queue is full.
        """
        if self.enter_now():
            return True
        if len(self._waiting) >= self._max_waiting:
            return False
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        expire = lambda: None if turn.done() else turn.set_result(False)  # noqa: E731
        timer = None if seconds is None else self._clock.call_later(seconds, expire)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()  # the slot was granted at the moment of the cancellation
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._waiting.pop(turn, None)

    def leave(self) -> None:
        """Return a slot; the call that has waited longest takes it."""
        while self._waiting:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            if not turn.done():
                turn.set_result(True)
                return
        self.inside -= 1
