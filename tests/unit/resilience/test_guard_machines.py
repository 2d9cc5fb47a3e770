"""The state machines of the guard against plain models of what they promise."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from journeyman.resilience.breaker import Breaker
from journeyman.resilience.rate_limit import MOST, Rate, RateLimit, parse_rate
from journeyman.resilience.retry import Backoff, RetryBudget

SECONDS = st.floats(0, 5, allow_nan=False)
NANOSECOND = 1e-9  # a wait is a difference of floats: who sleeps it wakes a rounding error early or late


class Breakers(RuleBasedStateMachine):
    """Failures in a row open it; while open nobody passes; half-open probes come one in `open_seconds` at the most."""

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


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6), st.lists(SECONDS, max_size=60))
@example(2, [0.28871299631748065, 0.0, 0.0, 1.0])
def test_no_window_holds_more_than_the_rate(count: int, gaps: list[float]):
    limit = RateLimit(Rate(count, 3.0))
    now, granted = 0.0, []
    for gap in gaps:
        now += gap
        expected = limit.delay(now)
        assert limit.take(now) == expected >= 0
        granted.append(now + expected)
    assert all(later >= earlier - NANOSECOND for earlier, later in pairwise(granted))
    for place in range(len(granted) - count):
        assert granted[place + count] - granted[place] >= 3.0 - NANOSECOND


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(SECONDS, st.integers(0, 5), st.integers(0, 5)), max_size=40))
def test_retries_are_never_more_than_their_share(steps: list[tuple[float, int, int]]):
    budget = RetryBudget(share=0.1, most=10, per_second=0.5)
    now, calls, retries = 0.0, 0, 0
    for gap, begun, wanted in steps:
        now += gap
        calls += begun
        for _ in range(begun):
            budget.deposit()
        retries += sum(budget.withdraw(now) for _ in range(wanted))
        assert retries <= 10 + 0.5 * now + 0.1 * calls + 1e-6
        assert 0 <= budget.balance(now) <= 10


def test_a_quiet_service_may_always_be_tried_again():
    budget = RetryBudget()
    assert [budget.withdraw(0) for _ in range(11)] == [True] * 10 + [False]
    assert budget.withdraw(2.0)
    assert not budget.withdraw(2.0)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_are_bounded(attempt: int, jitter: float):
    assert 0 <= Backoff().pause(attempt, jitter) <= 20
    assert 7 <= Backoff().pause(attempt, jitter, retry_after=7) <= 7.5


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/second", Rate(10, 1)),
        ("100/minute", Rate(100, 60)),
        ("5/hour", Rate(5, 3600)),
        ("100/60s", Rate(100, 60)),
        ("100/5m", Rate(100, 300)),
        ("9/2h", Rate(9, 7200)),
        ("10000/11d", Rate(10_000, 950_400)),
        ("1/999999s", Rate(1, 999_999)),
    ],
)
def test_rates_are_read(text: str, rate: Rate):
    assert parse_rate(text) == rate


NO_RATES = ["", "10", "0/second", "10/fortnight", "-1/second", f"{MOST + 1}/day", "1.5/second", "1/0s", "1/12d", "1/60"]


@pytest.mark.parametrize("text", [*NO_RATES, "1/60S", "1/60s ", "1/60ss", "1/6 0s", "\u0661/60s", "1/999999h"])
def test_what_is_no_rate_is_refused(text: str):
    with pytest.raises(ValueError, match="10/second"):
        parse_rate(text)
