"""Who may come in: at most so many in any stretch of so many seconds, for many keys at once. Exact, in memory.

What is refused does not count. Several limits are asked as one: all have room, or nothing is taken of any.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from journeyman.clock import Clock
from journeyman.resilience.rate_limit import Rate

MOST_KEYS = 100_000  # the one longest unused is forgotten beyond


class Limit(msgspec.Struct, frozen=True):
    """A rate, and whose it is."""

    key: str
    rate: Rate


class WindowResult(msgspec.Struct, frozen=True):
    """Of the limit with the least room: how much is left, and seconds until there is more."""

    admitted: bool
    limit: Limit
    remaining: int
    reset: float


class Windows(Protocol):
    """Sliding windows by key. `away`: they are shared with other processes, which cannot be reached now."""

    away: bool

    async def admit(self, limits: Sequence[Limit]) -> WindowResult:
        """Take one place under every limit, or none under any. `limits` is not empty."""
        ...

    async def aclose(self) -> None: ...


class MemoryWindows:
    """Windows of this process: a remembered time for each place taken."""

    away = False  # what is shared with others cannot be reached: there is nothing of that kind here

    def __init__(self, clock: Clock, most_keys: int = MOST_KEYS) -> None:
        self._clock = clock
        self._most = most_keys
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    async def admit(self, limits: Sequence[Limit]) -> WindowResult:
        return self.decide(limits)

    def decide(self, limits: Sequence[Limit]) -> WindowResult:
        """`admit`, at once."""
        now = self._clock.monotonic()
        windows = [self._window(limit, now) for limit in limits]
        admitted = all(len(times) < limit.rate.count for limit, times in zip(limits, windows, strict=True))
        if admitted:
            for times in windows:
                times.append(now)
        return min(
            (_verdict(limit, times, now, admitted) for limit, times in zip(limits, windows, strict=True)),
            key=lambda verdict: (verdict.remaining, -verdict.reset),
        )

    def _window(self, limit: Limit, now: float) -> deque[float]:
        times = self._times.get(limit.key)
        if times is None:
            times = self._times[limit.key] = deque()
            if len(self._times) > self._most:
                self._times.popitem(last=False)
        else:
            self._times.move_to_end(limit.key)
        before = now - limit.rate.seconds
        while times and times[0] <= before:
            times.popleft()
        return times

    async def aclose(self) -> None:
        self._times.clear()


def _verdict(limit: Limit, times: deque[float], now: float, admitted: bool) -> WindowResult:
    reset = max(0.0, limit.rate.seconds - (now - times[0])) if times else 0.0  # in this order: never above `seconds`
    return WindowResult(admitted, limit, max(0, limit.rate.count - len(times)), reset)
