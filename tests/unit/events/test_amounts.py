"""Durations and costs as people read them."""

from __future__ import annotations

import pytest

from journeyman.events.amounts import cost_text, duration_text, short_id


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.25, "250 ms"),
        (1.0, "1.0 s"),
        (59.94, "59.9 s"),
        (61, "1 min 01 s"),
        (7260, "2 h 01 min"),
    ],
)
def test_a_duration(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("usd", "text"), [(0.0, "$0.00"), (12.345, "$12.35"), (0.01234, "$0.0123"), (0.00000012, "$1e-07")]
)
def test_a_cost(usd: float, text: str) -> None:
    assert cost_text(usd) == text


def test_a_long_id_is_shortened() -> None:
    assert [short_id(id) for id in ("run_1", "run_0123456789abcdef0123456789abcdef")] == ["run_1", "run_01234567"]
