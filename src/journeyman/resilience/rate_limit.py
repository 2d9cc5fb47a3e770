"""A rate: at most so many in any stretch of so many seconds. A sliding window over given times, exact."""

from __future__ import annotations

import re
from collections import deque

import msgspec

MAX_COUNT = 10_000  # of one window: each costs a remembered time
LONGEST = 999_999  # seconds of a window
_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_RATE = re.compile(r"([1-9][0-9]{0,4})/(?:(second|minute|hour|day)|([1-9][0-9]{0,5})([smhd]))")


class Rate(msgspec.Struct, frozen=True):
    """`count` in any `seconds`."""

    count: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


def parse_rate(text: str) -> Rate:
    """`10/second`, `100/minute`, `5/hour`, `1000/day`, `100/60s`, `100/5m`. Raises ValueError, with a sentence."""
    found = _RATE.fullmatch(text)
    rate = None if found is None else Rate(int(found[1]), _UNITS[found[2]] if found[2] else _length(found))
    if rate is None or rate.count > MAX_COUNT or rate.seconds > LONGEST:
        raise ValueError(
            f"a rate is written like 10/second, 100/minute, 100/60s or 100/5m (s, m, h, d),"
            f" with at most {MAX_COUNT} of them and {LONGEST} seconds"
        )
    return rate


def _length(found: re.Match[str]) -> float:
    return float(found[3]) * next(seconds for unit, seconds in _UNITS.items() if unit[0] == found[4])


class RateLimit:
    """Remembers the last `count` times. Who comes too early is given a time of its own and waits for it, in order."""

    __slots__ = ("_rate", "_times")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._times: deque[float] = deque(maxlen=rate.count)

    def delay(self, now: float) -> float:
        """Seconds that the next one has to wait; changes nothing."""
        times = self._times
        return max(0.0, times[0] + self._rate.seconds - now) if len(times) == self._rate.count else 0.0

    def take(self, now: float) -> float:
        """Take the next place: seconds to wait for it."""
        delay = self.delay(now)
        at = now + delay
        self._times.append(max(at, self._times[-1]) if self._times else at)
        return delay
