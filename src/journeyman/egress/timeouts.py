"""Bounds on many waits under one timer: aiohttp's own timers were a quarter of the cost of a call."""

from __future__ import annotations

import asyncio
from types import TracebackType

_LONGEST_SLEEP = 0.25  # seconds; a bound may be noticed this much late, never early


class TimeoutTimer:
    """Looks after the waits of one event loop; its timer runs only while somebody waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: set[Bound] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = 0.0

    def add(self, bound: Bound, now: float) -> None:
        self._waiting.add(bound)
        if self._timer is None or bound.at < self._looks_at:
            self._look_at(min(bound.at, now + _LONGEST_SLEEP))

    def discard(self, bound: Bound) -> None:
        self._waiting.discard(bound)

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = when
        self._timer = self.loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self.loop.time()
        for bound in [bound for bound in self._waiting if bound.at <= now]:
            self._waiting.discard(bound)
            bound.expire()
        if self._waiting:
            earliest = min(bound.at for bound in self._waiting)
            self._look_at(min(max(earliest, now), now + _LONGEST_SLEEP))


class Bound:
    """The bound on one exchange: `with bound.within(5): await …` raises TimeoutError after 5 seconds.

    All its waits together end `total` seconds after it was made. `seconds` says which of the two came first.
    A cancel from elsewhere goes through as it is, by the rules of `asyncio.timeout`.
    """

    __slots__ = ("_cancelling", "_deadlines", "_ends", "_expired", "_task", "_total", "at", "seconds")

    def __init__(self, deadlines: TimeoutTimer, total: float) -> None:
        self._deadlines = deadlines
        self._total = total
        self._ends = deadlines.loop.time() + total
        self._expired = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.at = self._ends
        self.seconds = total

    def within(self, seconds: float) -> Bound:
        self.seconds = seconds
        return self

    def expire(self) -> None:
        if self._task is not None:
            self._expired = True
            self._task.cancel()

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task()
        self._cancelling = task.cancelling() if task is not None else 0
        now = self._deadlines.loop.time()
        self.at = now + self.seconds
        if self.at > self._ends:
            self.at, self.seconds = self._ends, self._total
        self._deadlines.add(self, now)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.discard(self)
        task, self._task = self._task, None
        if self._expired and task is not None:
            self._expired = False
            if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error
