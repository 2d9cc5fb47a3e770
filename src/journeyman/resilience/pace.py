"""The pace of calls to a service that has refused calls for their number (429), or that was away."""

from __future__ import annotations

from collections import deque

FASTEST = 2000.0  # calls a second at which nothing is paced any more
FORGOTTEN_SECONDS = 60.0  # without a call, after which what was learned does not hold
_SHARE = 0.95  # of the calls that a service took in a second before it refused one
_GROWTH = 1.01  # of that number, each second without a refusal
_KEPT = 1024  # times of calls


class Pace:
    """Gives each call its turn: `first` calls a second, and twice as many each second until the service refuses one.

    A refusal closes the service for a time. Afterwards the pace begins anew and stays below the number of calls that
    the service took in the second before it refused one. Times are monotonic seconds that the caller passes.
    """

    __slots__ = ("_began", "_ceiling", "_closed_until", "_first", "_last_turn", "_learned_at", "_turns", "refusals")

    def __init__(self, first: float, now: float) -> None:
        self._first = first
        self._began = now
        self._closed_until = now
        self._last_turn = now - 1.0 / first
        self._ceiling: float | None = None
        self._learned_at = now
        self.refusals = 0
        self._turns: deque[float] = deque(maxlen=_KEPT)

    def refused(self, now: float, seconds: float) -> None:
        """Note that the service refused a call and wants none for so many seconds."""
        if now >= self._closed_until:  # else the refusal is of the same moment
            taken = sum(now - 1.0 <= turn <= now for turn in self._turns)
            if taken > 1:
                self._ceiling = max(1.0, _SHARE * (taken - 1))
            self._turns.clear()
        self.refusals += 1
        self._closed_until = self._began = self._learned_at = max(self._closed_until, now + seconds)
        self._last_turn = self._closed_until - 1.0 / self._first

    def closed_for(self, now: float) -> float:
        """Return the seconds until the service takes calls again."""
        return max(0.0, self._closed_until - now)

    def take_turn(self, now: float) -> float:
        """Give a call its turn and return the seconds until then."""
        start = max(now, self._closed_until)
        turn = max(start, self._last_turn + 1.0 / self.rate(max(start, self._last_turn)))
        self._last_turn = turn
        self._turns.append(turn)
        return turn - now

    def rate(self, now: float) -> float:
        """Return the calls a second that are made at this time."""
        rate: float = self._first * 2.0 ** min(max(0, int(now - self._began)), 32)
        if self._ceiling is None:
            return rate
        grown: float = _GROWTH ** min(max(0.0, now - self._learned_at), 3600.0)
        return min(rate, self._ceiling * grown)

    def is_over(self, now: float) -> bool:
        """Return whether calls need no pace any more."""
        return self.rate(now) >= FASTEST or now - self._last_turn > FORGOTTEN_SECONDS
