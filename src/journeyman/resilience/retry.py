"""When to try again: exponential pauses under full jitter, and a budget that bounds retries to a share of traffic."""

from __future__ import annotations

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """Pauses in seconds: a random share of `first`, doubled with each try, never above `longest`."""

    first: float = 0.5
    longest: float = 20.0

    def pause(self, attempt: int, jitter: float, retry_after: float | None = None) -> float:
        """Seconds to wait after try number `attempt` (from 1) failed; `jitter` is a random number from 0 to 1.

        What the service advised is the least: those that it sent away together do not come back together.
        """
        if retry_after is not None:
            return max(0.0, retry_after) + jitter * self.first
        return jitter * min(self.longest, self.first * 2.0 ** min(attempt - 1, 32))


class RetryBudget:
    """A purse: every call puts `share` in, `per_second` trickles in, every retry takes one out; it holds `most`.

    In any stretch of time there are thus at most `most` + `per_second` x seconds + `share` x calls retries.
    """

    __slots__ = ("_balance", "_filled_at", "_most", "_per_second", "_share")

    def __init__(self, share: float = 0.1, most: float = 10.0, per_second: float = 0.5, now: float = 0.0) -> None:
        self._share = share
        self._most = most
        self._per_second = per_second
        self._balance = most
        self._filled_at = now

    def deposit(self) -> None:
        """A call (not a retry) begins."""
        if self._balance < self._most:
            self._balance = min(self._most, self._balance + self._share)

    def withdraw(self, now: float) -> bool:
        """Whether one retry may be made: it is paid for with the answer."""
        balance = self.balance(now)
        allowed = balance >= 1.0
        self._balance = balance - 1.0 if allowed else balance
        self._filled_at = max(now, self._filled_at)
        return allowed

    def balance(self, now: float) -> float:
        """How many retries could be made at once."""
        trickled = max(0.0, now - self._filled_at) * self._per_second
        return min(self._most, self._balance + trickled)
