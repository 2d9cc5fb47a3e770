"""What a list says of a run in a few characters."""

from __future__ import annotations

from journeyman.cli.run_columns import run_cells


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
