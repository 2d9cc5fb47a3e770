"""A circuit breaker: open after failures within a window of time, then half-open with one probe at a time."""

from __future__ import annotations

from collections import deque

from journeyman.resilience.signals import BreakerState


class Breaker:
    """A circuit breaker as a state machine; times are monotonic seconds that the caller passes.

    Closed: it opens when the last `failures` failures came within `window_seconds` and at most half as many calls
    succeeded between the first and the last of them. Open: no call is admitted for `open_seconds`. Half-open: one probe
    is admitted at a time; a success closes the breaker, a failure opens it again. If a probe takes longer than
    `open_seconds`, the next one is admitted.

    An admitted call gets a ticket and reports its outcome with it once. A ticket from an earlier state is not counted.
    """

    __slots__ = (
        "_failures",
        "_open_seconds",
        "_opened_at",
        "_probe_at",
        "_probing",
        "_succeeded",
        "_threshold",
        "_window_seconds",
        "generation",
        "state",
    )

    def __init__(self, failures: int = 5, open_seconds: float = 2.0, window_seconds: float = 300.0) -> None:
        self._threshold = failures
        self._open_seconds = open_seconds
        self._window_seconds = window_seconds
        self.state: BreakerState = "closed"
        self.generation = 0
        self._succeeded = 0  # calls, of which only differences count
        self._failures: deque[tuple[float, int]] = deque(maxlen=failures)  # the time of each, and `_succeeded` then
        self._opened_at = 0.0
        self._probing = False
        self._probe_at = 0.0

    def admit(self, now: float) -> int | None:
        """Admit a call and return its ticket. None: the call must not be made now."""
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
        """Return the seconds until a call may be admitted; 0 if it may be now. Changes nothing."""
        if self.state == "open":
            return max(0.0, self._opened_at + self._open_seconds - now)
        if self.state == "half_open" and self._probing:
            return max(0.0, self._probe_at + self._open_seconds - now)
        return 0.0

    def failures(self, now: float) -> int:
        """Return how many failures count towards the opening of the closed breaker."""
        return sum(self._counts(failure, now) for failure in self._failures)

    def _counts(self, failure: tuple[float, int], now: float) -> bool:
        at, succeeded = failure
        return now - at <= self._window_seconds and self._succeeded - succeeded <= self._threshold // 2

    def succeeded(self, ticket: int) -> None:
        """Report that an admitted call succeeded."""
        if ticket != self.generation:
            return
        if self.state == "half_open":
            self._enter("closed")
        self._succeeded += 1

    def failed(self, ticket: int, now: float) -> None:
        """Report that an admitted call failed."""
        if ticket != self.generation:
            return
        self._failures.append((now, self._succeeded))
        full = len(self._failures) == self._threshold
        if self.state == "half_open" or (full and self._counts(self._failures[0], now)):
            self._opened_at = now
            self._enter("open")

    def withdrawn(self, ticket: int) -> None:
        """Report that an admitted call ended without an outcome, for example because it was cancelled."""
        if ticket == self.generation:
            self._probing = False

    def _enter(self, state: BreakerState) -> None:
        self.state = state
        self.generation += 1
        self._failures.clear()
        self._probing = False
