from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from journeyman.resilience.rate_limit import MAX_COUNT, Rate, RateLimit, parse_rate

SECONDS = st.floats(0, 5, allow_nan=False)


NANOSECOND = 1e-9  # a wait is a difference of floats: who sleeps it wakes a rounding error early or late


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


NO_RATES = [
    "",
    "10",
    "0/second",
    "10/fortnight",
    "-1/second",
    f"{MAX_COUNT + 1}/day",
    "1.5/second",
    "1/0s",
    "1/12d",
    "1/60",
]


@pytest.mark.parametrize("text", [*NO_RATES, "1/60S", "1/60s ", "1/60ss", "1/6 0s", "\u0661/60s", "1/999999h"])
def test_what_is_no_rate_is_refused(text: str):
    with pytest.raises(ValueError, match="10/second"):
        parse_rate(text)
