"""A circuit breaker: open after consecutive failures, then half-open with one probe at a time until one succeeds."""

from __future__ import annotations

from journeyman.resilience.signals import BreakerState


class Breaker:
    """A circuit breaker as a state machine; times are monotonic seconds that the caller passes.

    Closed: `failures` consecutive failures open it. Open: no call is admitted for `open_seconds`. Half-open: one probe
    is admitted at a time; a success closes the breaker, a failure opens it again. If a probe takes longer than
    `open_seconds`, the next one is admitted.

    An admitted call gets a ticket and reports its outcome with it once. A ticket from an earlier state is not counted.
    """

    __slots__ = (
        "_failures_in_a_row",
        "_open_seconds",
        "_opened_at",
        "_probe_at",
        "_probing",
        "_threshold",
        "generation",
        "state",
    )

    def __init__(self, failures: int = 5, open_seconds: float = 2.0) -> None:
        self._threshold = failures
        self._open_seconds = open_seconds
        self.state: BreakerState = "closed"
        self.generation = 0
        self._failures_in_a_row = 0
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

    @property
    def failures_in_a_row(self) -> int:
        """The failures since the last success, while the breaker is closed."""
        return self._failures_in_a_row

    def succeeded(self, ticket: int) -> None:
        """Report that an admitted call succeeded."""
        if ticket != self.generation:
            return
        if self.state == "half_open":
            self._enter("closed")
        self._failures_in_a_row = 0

    def failed(self, ticket: int, now: float) -> None:
        """Report that an admitted call failed."""
        if ticket != self.generation:
            return
        self._failures_in_a_row += 1
        if self.state == "half_open" or self._failures_in_a_row >= self._threshold:
            self._opened_at = now
            self._enter("open")

    def withdrawn(self, ticket: int) -> None:
        """Report that an admitted call ended without an outcome, for example because it was cancelled."""
        if ticket == self.generation:
            self._probing = False

    def _enter(self, state: BreakerState) -> None:
        self.state = state
        self.generation += 1
        self._failures_in_a_row = 0
        self._probing = False
