from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from journeyman.resilience.breaker import Breaker

SECONDS = st.floats(0, 5, allow_nan=False)


class Breakers(RuleBasedStateMachine):
    """Consecutive failures open it; while open no call passes; half-open probes come at most once in `open_seconds`."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(failures=3, open_seconds=4.0)
        self.now = 0.0
        self.tickets: list[tuple[int, int]] = []  # ticket and the generation it was given in
        self.in_a_row = 0
        self.opened_at: float | None = None
        self.last_probe: float | None = None

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def admit(self) -> None:
        state, wait = self.breaker.state, self.breaker.retry_in(self.now)
        ticket = self.breaker.admit(self.now)
        assert (ticket is None) == (wait > 0)
        if state == "closed":
            assert ticket is not None
        if state == "open":
            assert self.opened_at is not None
            assert (ticket is not None) == (self.now >= self.opened_at + 4.0)
        if ticket is not None:
            self.tickets.append((ticket, self.breaker.generation))
            if self.breaker.state == "half_open":
                self.last_probe = self.now

    def _take(self, index: int) -> tuple[int, bool]:
        ticket, generation = self.tickets.pop(index % len(self.tickets))
        return ticket, generation == self.breaker.generation

    @precondition(lambda self: self.tickets)
    @rule(index=st.integers(0, 100))
    def succeed(self, index: int) -> None:
        before = self.breaker.state
        ticket, current = self._take(index)
        self.breaker.succeeded(ticket)
        if current:
            assert self.breaker.state == "closed"
            self.in_a_row = 0
        else:
            assert self.breaker.state == before

    @precondition(lambda self: self.tickets)
    @rule(index=st.integers(0, 100))
    def fail(self, index: int) -> None:
        before = self.breaker.state
        ticket, current = self._take(index)
        self.breaker.failed(ticket, self.now)
        if not current:
            assert self.breaker.state == before
            return
        self.in_a_row += 1
        if before == "half_open" or self.in_a_row == 3:
            assert self.breaker.state == "open"
            self.in_a_row, self.opened_at = 0, self.now

    @precondition(lambda self: self.tickets)
    @rule(index=st.integers(0, 100))
    def withdraw(self, index: int) -> None:
        before = self.breaker.state
        self.breaker.withdrawn(self._take(index)[0])
        assert self.breaker.state == before

    @invariant()
    def it_is_never_stuck(self) -> None:
        assert self.breaker.retry_in(self.now) <= 4.0 + 1e-9
        assert self.breaker.retry_in(self.now + 4.0 + 1e-9) == 0


TestBreakers = Breakers.TestCase


TestBreakers.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_slow_probe_makes_room_for_another_and_no_more():
    breaker = Breaker(failures=1, open_seconds=2.0)
    breaker.failed(breaker.admit(0.0) or 0, 0.0)
    probe = breaker.admit(2.0)
    assert probe is not None
    assert breaker.admit(3.9) is None
    assert breaker.admit(4.0) == probe
    assert breaker.admit(4.1) is None
    breaker.succeeded(probe)
    assert breaker.state == "closed"
