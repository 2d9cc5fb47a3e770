from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from journeyman.resilience.breaker import Breaker

SECONDS = st.floats(0, 5, allow_nan=False)


class Breakers(RuleBasedStateMachine):
    """Failures of one window with few successes between them open it; while open no call passes; probes come singly."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(failures=3, open_seconds=4.0, window_seconds=8.0)
        self.now = 0.0
        self.tickets: list[tuple[int, int]] = []  # ticket and the generation it was given in
        self.outcomes: list[float | None] = []  # since the last change of state; of a failure its time, None: a success
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
            self.outcomes = [*(self.outcomes if before == "closed" else []), None]
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
        self.outcomes.append(self.now)
        places = [place for place, outcome in enumerate(self.outcomes) if outcome is not None][-3:]
        since = self.outcomes[places[0] :]
        opens = len(places) == 3 and self.now - (since[0] or 0.0) <= 8.0 and since.count(None) <= 1
        assert (self.breaker.state == "open") == (before == "half_open" or opens)
        if self.breaker.state == "open":
            self.outcomes, self.opened_at = [], self.now

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


def outcomes(breaker: Breaker, said: str, seconds: float = 0.01) -> int:
    """Report successes (`.`) and failures (`x`). Returns at which of them the breaker opened, or 0."""
    for number, outcome in enumerate(said, 1):
        now = number * seconds
        ticket = breaker.admit(now)
        assert ticket is not None
        if outcome == ".":
            breaker.succeeded(ticket)
        else:
            breaker.failed(ticket, now)
        if breaker.state == "open":
            return number
    return 0


@pytest.mark.parametrize(
    ("said", "opened"),
    [
        ("xxxxx", 5),
        ("." * 1000 + "xxxxx", 1005),  # a busy service goes down
        ("xx.xx.x", 7),  # it fails most calls
        ("xxxx." * 2, 6),
        ("x." * 100, 0),  # half of the calls
        (("." * 19 + "x") * 50, 0),  # rare errors of a busy service
        ("xx..xx.xx...xx", 0),
    ],
)
def test_what_opens_it(said: str, opened: int) -> None:
    assert outcomes(Breaker(), said) == opened


@pytest.mark.parametrize(("seconds", "opened"), [(36.0, 5), (74.0, 5), (76.0, 0), (86_400.0, 0)])
def test_failures_count_within_the_window(seconds: float, opened: int) -> None:
    assert outcomes(Breaker(), "xxxxx", seconds) == opened


def test_the_failures_that_count_are_shown() -> None:
    breaker = Breaker()
    outcomes(breaker, "xx.xx")
    assert (breaker.failures(1.0), breaker.failures(300.02), breaker.failures(1000.0)) == (4, 3, 0)
