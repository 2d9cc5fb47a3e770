"""Exact sliding windows that limit requests per key, in the memory of one process.

A refused request does not count. A request under several limits counts in all of them or in none.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from journeyman.clock import Clock
from journeyman.resilience.rate_limit import Rate

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


class MemoryWindows:
    """Sliding windows in the memory of this process, which store the time of each request."""

    away = False  # there is no shared store

    def __init__(self, clock: Clock, max_keys: int = MAX_KEYS) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    async def admit(self, limits: Sequence[Limit]) -> WindowResult:
        return self.admit_now(limits)

    def admit_now(self, limits: Sequence[Limit]) -> WindowResult:
        """Do the same as `admit` without suspending the task."""
        now = self._clock.monotonic()
        windows = [self._window(limit, now) for limit in limits]
        admitted = all(len(times) < limit.rate.count for limit, times in zip(limits, windows, strict=True))
        if admitted:
            for times in windows:
                times.append(now)
        return min(
            (_result(limit, times, now, admitted) for limit, times in zip(limits, windows, strict=True)),
            key=lambda result: (result.remaining, -result.reset),
        )

    def _window(self, limit: Limit, now: float) -> deque[float]:
        times = self._times.get(limit.key)
        if times is None:
            times = self._times[limit.key] = deque()
            if len(self._times) > self._max_keys:
                self._times.popitem(last=False)
        else:
            self._times.move_to_end(limit.key)
        before = now - limit.rate.seconds
        while times and times[0] <= before:
            times.popleft()
        return times

    async def aclose(self) -> None:
        self._times.clear()


def _result(limit: Limit, times: deque[float], now: float, admitted: bool) -> WindowResult:
    reset = max(0.0, limit.rate.seconds - (now - times[0])) if times else 0.0  # never above `seconds` in this order
    return WindowResult(admitted, limit, max(0, limit.rate.count - len(times)), reset)
