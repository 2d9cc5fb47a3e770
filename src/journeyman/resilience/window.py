"""Sliding windows that limit requests per key, in the memory of one process.

A refused request does not count. A request under several limits counts in all of them or in none. No period ever has
more requests than its limit. Up to 10,000 requests the time of each is stored; above that they are counted in
hundredths of the period, so that a place may become free one hundredth later.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from journeyman.clock import Clock
from journeyman.resilience.rate_limit import MAX_COUNT, Rate

SLOTS = 100  # of a period with more than MAX_COUNT requests
MAX_KEYS = 100_000  # beyond that, the least recently used key is dropped


class Limit(msgspec.Struct, frozen=True):
    """The rate limit of one key."""

    key: str
    rate: Rate


class WindowResult(msgspec.Struct, frozen=True):
    """Whether a request was admitted, and the state of the limit that has the least room."""

    admitted: bool
    limit: Limit
    remaining: int
    reset: float  # seconds until there is more room


class Windows(Protocol):
    """Sliding windows by key. `away` is true while the store that other processes share is unreachable."""

    away: bool

    async def admit(self, limits: Sequence[Limit]) -> WindowResult:
        """Count a request under every limit if all have room, else under none. `limits` must not be empty."""
        ...

    async def aclose(self) -> None:
        """Close connections, if there are any."""
        ...


def slot_seconds(rate: Rate) -> float:
    """Return the length of the slots that requests are counted in; 0: the time of each is stored."""
    return rate.seconds / SLOTS if rate.count > MAX_COUNT else 0.0


class _Window:
    """The requests of one key: how many there are, and how many in each slot."""

    __slots__ = ("_counts", "_slot_seconds", "_starts", "count")

    def __init__(self, rate: Rate) -> None:
        self._slot_seconds = slot_seconds(rate)
        self._starts: deque[float] = deque()
        self._counts: deque[int] = deque()
        self.count = 0

    def add(self, now: float) -> None:
        """Count a request."""
        self.count += 1
        if not self._starts or now >= self._starts[-1] + self._slot_seconds:
            self._starts.append(now)
            self._counts.append(1)
        else:
            self._counts[-1] += 1

    def forget(self, before: float) -> None:
        """Remove the slots all of whose requests were made up to `before`."""
        while self._starts and self._starts[0] + self._slot_seconds <= before:
            self._starts.popleft()
            self.count -= self._counts.popleft()

    def wait(self, seconds: float, now: float) -> float:
        """Return the seconds until the oldest slot is older than `seconds`; 0 if there is none."""
        return max(0.0, seconds - (now - self._starts[0] - self._slot_seconds)) if self._starts else 0.0


class MemoryWindows:
    """Sliding windows in the memory of this process."""

    away = False  # there is no shared store

    def __init__(self, clock: Clock, max_keys: int = MAX_KEYS) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._windows: OrderedDict[tuple[str, float], _Window] = OrderedDict()

    async def admit(self, limits: Sequence[Limit]) -> WindowResult:
        return self.admit_now(limits)

    def admit_now(self, limits: Sequence[Limit]) -> WindowResult:
        """Do the same as `admit` without suspending the task."""
        now = self._clock.monotonic()
        windows = [self._window(limit, now) for limit in limits]
        admitted = all(window.count < limit.rate.count for limit, window in zip(limits, windows, strict=True))
        if admitted:
            for window in windows:
                window.add(now)
        return min(
            (_result(limit, window, now, admitted) for limit, window in zip(limits, windows, strict=True)),
            key=lambda result: (result.remaining, -result.reset),
        )

    def _window(self, limit: Limit, now: float) -> _Window:
        key = limit.key, slot_seconds(limit.rate)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(limit.rate)
            if len(self._windows) > self._max_keys:
                self._windows.popitem(last=False)
        else:
            self._windows.move_to_end(key)
        window.forget(now - limit.rate.seconds)
        return window

    async def aclose(self) -> None:
        self._windows.clear()


def _result(limit: Limit, window: _Window, now: float, admitted: bool) -> WindowResult:
    left = max(0, limit.rate.count - window.count)
    return WindowResult(admitted, limit, left, window.wait(limit.rate.seconds, now))
