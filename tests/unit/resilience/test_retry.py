from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given, settings

from journeyman.resilience.retry import Backoff, RetryBudget

SECONDS = st.floats(0, 5, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(SECONDS, st.integers(0, 5), st.integers(0, 5)), max_size=40))
def test_retries_are_never_more_than_their_share(steps: list[tuple[float, int, int]]):
    budget = RetryBudget(share=0.1, capacity=10, per_second=0.5)
    now, calls, retries = 0.0, 0, 0
    for gap, begun, wanted in steps:
        now += gap
        calls += begun
        for _ in range(begun):
            budget.deposit()
        retries += sum(budget.withdraw(now) for _ in range(wanted))
        assert retries <= 10 + 0.5 * now + 0.1 * calls + 1e-6
        assert 0 <= budget.balance(now) <= 10


def test_after_a_pause_a_retry_is_always_allowed():
    budget = RetryBudget()
    assert [budget.withdraw(0) for _ in range(11)] == [True] * 10 + [False]
    assert budget.withdraw(2.0)
    assert not budget.withdraw(2.0)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_are_bounded(attempt: int, jitter: float):
    assert 0 <= Backoff().pause(attempt, jitter) <= 20
    assert 7 <= Backoff().pause(attempt, jitter, retry_after=7) <= 7.5
