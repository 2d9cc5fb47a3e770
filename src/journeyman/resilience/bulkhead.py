"""A bound on how many calls are under way at once, and on how many wait for their turn, and for how long."""

from __future__ import annotations

import asyncio

from journeyman.clock import Clock


class Bulkhead:
    """`limit` inside, at most `waiting` before the door, first come first served. Of one event loop."""

    __slots__ = ("_clock", "_limit", "_most_waiting", "_waiting", "inside")

    def __init__(self, clock: Clock, limit: int, waiting: int = 1000) -> None:
        self._clock = clock
        self._limit = limit
        self._most_waiting = waiting
        self._waiting: dict[asyncio.Future[bool], None] = {}
        self.inside = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def enter_now(self) -> bool:
        """Enter if there is room and nobody waits."""
        if self.inside >= self._limit or self._waiting:
            return False
        self.inside += 1
        return True

    async def enter(self, seconds: float) -> bool:
        """Enter, waiting for at most `seconds`; False: no room, or too many wait already."""
        if self.enter_now():
            return True
        if len(self._waiting) >= self._most_waiting:
            return False
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        timer = self._clock.call_later(seconds, lambda: None if turn.done() else turn.set_result(False))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()  # let in and cancelled in the same moment
            raise
        finally:
            timer.cancel()
            self._waiting.pop(turn, None)

    def leave(self) -> None:
        """Make room: who waits longest takes the place."""
        while self._waiting:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            if not turn.done():
                turn.set_result(True)
                return
        self.inside -= 1
