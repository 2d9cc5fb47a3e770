"""A circuit breaker: closed, open after failures in a row, half-open with few probes until one of them succeeds."""

from __future__ import annotations

from journeyman.resilience.signals import BreakerState


class Breaker:
    """A state machine over a given time (seconds, monotonic). Whoever is admitted reports its ticket back, once.

    Closed: `failures` in a row open it. Open: nobody is admitted for `open_seconds`. Half-open: one probe at a time;
    a success closes it, a failure opens it again. A probe that is slow makes room for another after `open_seconds`.
    A ticket of an earlier state says nothing about the present one and is not counted.
    """

    __slots__ = ("_failures", "_in_a_row", "_open_seconds", "_probe_at", "_probing", "_since", "generation", "state")

    def __init__(self, failures: int = 5, open_seconds: float = 2.0) -> None:
        self._failures = failures
        self._open_seconds = open_seconds
        self.state: BreakerState = "closed"
        self.generation = 0
        self._in_a_row = 0
        self._since = 0.0  # when it opened
        self._probing = False
        self._probe_at = 0.0

    def admit(self, now: float) -> int | None:
        """A ticket, or None: not now."""
        if self.state == "closed":
            return self.generation
        if self.retry_in(now) > 0:
            return None
        if self.state == "open":
            self._enter("half_open")
        self._probing = True
        self._probe_at = now
        return self.generation

    def retry_in(self, now: float) -> float:
        """Seconds until somebody may be admitted; 0: now. Changes nothing."""
        if self.state == "open":
            return max(0.0, self._since + self._open_seconds - now)
        if self.state == "half_open" and self._probing:
            return max(0.0, self._probe_at + self._open_seconds - now)
        return 0.0

    @property
    def in_a_row(self) -> int:
        """Failures since the last success, while it is closed."""
        return self._in_a_row

    def succeeded(self, ticket: int) -> None:
        if ticket != self.generation:
            return
        if self.state == "half_open":
            self._enter("closed")
        self._in_a_row = 0

    def failed(self, ticket: int, now: float) -> None:
        if ticket != self.generation:
            return
        self._in_a_row += 1
        if self.state == "half_open" or self._in_a_row >= self._failures:
            self._since = now
            self._enter("open")

    def withdrawn(self, ticket: int) -> None:
        """The call ended without a word about the service: it was cancelled, say. Its place is free again."""
        if ticket == self.generation:
            self._probing = False

    def _enter(self, state: BreakerState) -> None:
        self.state = state
        self.generation += 1
        self._in_a_row = 0
        self._probing = False
