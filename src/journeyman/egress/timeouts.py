"""Timeouts of many exchanges under one timer, since aiohttp's own timers were a quarter of the cost of a call."""

from __future__ import annotations

import asyncio
from types import TracebackType

_MAX_SLEEP = 0.25  # seconds; a timeout may be noticed this late, never early


class TimeoutTimer:
    """One timer for all waits of an event loop; it runs only while there is a wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: set[ExchangeTimeout] = set()
        self._handle: asyncio.TimerHandle | None = None
        self._wakes_at = 0.0

    def add(self, timeout: ExchangeTimeout, now: float) -> None:
        """Watch a wait until `discard` is called or `timeout.deadline` is reached."""
        self._waiting.add(timeout)
        if self._handle is None or timeout.deadline < self._wakes_at:
            self._schedule(min(timeout.deadline, now + _MAX_SLEEP))

    def discard(self, timeout: ExchangeTimeout) -> None:
        """Stop watching a wait."""
        self._waiting.discard(timeout)

    def _schedule(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._wakes_at = when
        self._handle = self.loop.call_at(when, self._expire_due)

    def _expire_due(self) -> None:
        self._handle = None
        now = self.loop.time()
        for timeout in [timeout for timeout in self._waiting if timeout.deadline <= now]:
            self._waiting.discard(timeout)
            timeout.expire()
        if self._waiting:
            earliest = min(timeout.deadline for timeout in self._waiting)
            self._schedule(min(max(earliest, now), now + _MAX_SLEEP))


class ExchangeTimeout:
    """The time limits of one exchange: `with timeout.within(5): await …` raises TimeoutError after 5 seconds.

    All its waits together end `total` seconds after it was created. `seconds` is the limit that applies to the current
    wait. A cancellation from elsewhere passes through unchanged, as with `asyncio.timeout`.
    """

    __slots__ = ("_cancelling", "_ends_at", "_expired", "_task", "_timer", "_total", "deadline", "seconds")

    def __init__(self, timer: TimeoutTimer, total: float) -> None:
        self._timer = timer
        self._total = total
        self._ends_at = timer.loop.time() + total
        self._expired = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.deadline = self._ends_at
        self.seconds = total

    def within(self, seconds: float) -> ExchangeTimeout:
        """Set the limit of the next wait, and return the timeout as the context manager for it."""
        self.seconds = seconds
        return self

    def extend(self, seconds: float) -> None:
        """Let all waits together end this much later."""
        self._ends_at += seconds

    def expire(self) -> None:
        """Cancel the task that waits, which then raises TimeoutError."""
        if self._task is not None:
            self._expired = True
            self._task.cancel()

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task()
        self._cancelling = task.cancelling() if task is not None else 0
        now = self._timer.loop.time()
        self.deadline = now + self.seconds
        if self.deadline > self._ends_at:
            self.deadline, self.seconds = self._ends_at, self._total
        self._timer.add(self, now)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.discard(self)
        task, self._task = self._task, None
        if self._expired and task is not None:
            self._expired = False
            if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error
