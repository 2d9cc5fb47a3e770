"""Retry timing: exponential backoff with full jitter, and a budget that limits retries to a share of the traffic."""

from __future__ import annotations

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """The pauses between attempts in seconds: a random part of `first`, doubled each time, at most `longest`."""

    first: float = 0.5
    longest: float = 20.0

    def pause(self, attempt: int, jitter: float, retry_after: float | None = None) -> float:
        """Return the seconds to wait after attempt number `attempt` (from 1) failed.

        `jitter` is a random number from 0 to 1. With a `retry_after` of the service, a random part of `first` is added
        to it, so that clients that were refused together do not return together.
        """
        if retry_after is not None:
            return max(0.0, retry_after) + jitter * self.first
        return jitter * min(self.longest, self.first * 2.0 ** min(attempt - 1, 32))


class RetryBudget:
    """A token bucket for retries, which holds at most `capacity` tokens.

    Each call adds `share` tokens, each second adds `per_second`, and each retry takes one. In any period there are at
    most `capacity` + `per_second` x seconds + `share` x calls retries.
    """

    __slots__ = ("_balance", "_capacity", "_per_second", "_refilled_at", "_share")

    def __init__(self, share: float = 0.1, capacity: float = 10.0, per_second: float = 0.5, now: float = 0.0) -> None:
        self._share = share
        self._capacity = capacity
        self._per_second = per_second
        self._balance = capacity
        self._refilled_at = now

    def deposit(self) -> None:
        """Add the share of a new call. Do not use it for a retry."""
        if self._balance < self._capacity:
            self._balance = min(self._capacity, self._balance + self._share)

    def withdraw(self, now: float) -> bool:
        """Take a token for one retry; return whether there was one."""
        balance = self.balance(now)
        allowed = balance >= 1.0
        self._balance = balance - 1.0 if allowed else balance
        self._refilled_at = max(now, self._refilled_at)
        return allowed

    def balance(self, now: float) -> float:
        """Return the number of tokens, which is the number of retries that may be made at once."""
        refilled = max(0.0, now - self._refilled_at) * self._per_second
        return min(self._capacity, self._balance + refilled)
