"""Rates such as 10/second, and an exact sliding-window limit that delays calls."""

from __future__ import annotations

import re
from collections import deque

import msgspec

MAX_COUNT = 10_000  # calls per window: the limiter stores a time for each
MAX_SECONDS = 999_999  # length of a window
_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_RATE = re.compile(r"([1-9][0-9]{0,4})/(?:(second|minute|hour|day)|([1-9][0-9]{0,5})([smhd]))")


class Rate(msgspec.Struct, frozen=True):
    """A limit of `count` calls within any `seconds`."""

    count: int
    seconds: float

    @property
    def per_second(self) -> float:
        """The average number of calls per second."""
        return self.count / self.seconds


def parse_rate(text: str) -> Rate:
    """Return the rate that a text such as `10/second`, `5/hour`, `100/60s` or `100/5m` describes.

    Raises:
        ValueError: The text is no rate; the message says how to write one.
    """
    found = _RATE.fullmatch(text)
    rate = None if found is None else Rate(int(found[1]), _UNITS[found[2]] if found[2] else _window_seconds(found))
    if rate is None or rate.count > MAX_COUNT or rate.seconds > MAX_SECONDS:
        raise ValueError(
            f"a rate is written like 10/second, 100/minute, 100/60s or 100/5m (s, m, h, d),"
            f" with at most {MAX_COUNT} of them and {MAX_SECONDS} seconds"
        )
    return rate


def _window_seconds(found: re.Match[str]) -> float:
    return float(found[3]) * next(seconds for unit, seconds in _UNITS.items() if unit[0] == found[4])


class RateLimit:
    """A sliding window over the times of the last calls. A call that is too early waits for its turn, in order."""

    __slots__ = ("_rate", "_times")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._times: deque[float] = deque(maxlen=rate.count)

    def delay(self, now: float) -> float:
        """Return the seconds that the next call would have to wait. Changes nothing."""
        times = self._times
        return max(0.0, times[0] + self._rate.seconds - now) if len(times) == self._rate.count else 0.0

    def take(self, now: float) -> float:
        """Reserve the next call and return the seconds to wait before making it."""
        delay = self.delay(now)
        at = now + delay
        self._times.append(max(at, self._times[-1]) if self._times else at)
        return delay
