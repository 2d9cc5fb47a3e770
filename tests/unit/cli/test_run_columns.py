"""What a list says of a run in a few characters."""

from __future__ import annotations

import pytest

from journeyman.cli.run_columns import cost_text, duration_text, run_cells


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, None),
        (0.0, "0 ms"),
        (0.25, "250 ms"),
        (1.0, "1.0 s"),
        (59.94, "59.9 s"),
        (61, "1 min 01 s"),
        (7260, "2 h 01 min"),
    ],
)
def test_a_duration(seconds: float | None, text: str | None) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("usd", "text"), [(None, None), (0.0, None), (12.345, "$12.35"), (0.01234, "$0.0123"), (0.00000012, "$1e-07")]
)
def test_a_cost(usd: float | None, text: str | None) -> None:
    assert cost_text(usd) == text


def test_a_run_has_its_duration_tokens_and_cost() -> None:
    run = {
        "run_id": "r",
        "started_at": "2026-12-01T00:00:00.000000Z",
        "ended_at": "2026-12-01T00:00:02.500000Z",
        "usage": {"input_tokens": 1200, "output_tokens": 34, "cached_tokens": 0, "cost_usd": 0.5},
    }
    cells = run_cells(run)
    assert (cells["duration"], cells["tokens"], cells["cost"]) == ("2.5 s", "1,234", "$0.5000")
    cells = run_cells({**run, "ended_at": None, "usage": None})
    assert (cells["duration"], cells["tokens"], cells["cost"]) == (None, None, None)
