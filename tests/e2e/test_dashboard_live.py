"""The dashboard, a real Prometheus, a real server under load: every query is valid, and its line moves."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.harness.dashboard_queries import answers, panels
from tests.harness.mixed_load import busy, mixed_load
from tests.harness.prometheus_server import prometheus

SECONDS = 30.0
QUIET: dict[tuple[str, str], str] = {}  # panel and legend that need not move here -> why


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_every_query_of_the_dashboard_is_valid_and_moves_under_load(tmp_path: Path) -> None:
    async with mixed_load(tmp_path) as made:
        with prometheus(tmp_path, f"127.0.0.1:{made.server.port}", tmp_path / "metrics-key") as source:
            begun = time.time()
            await busy(made, SECONDS)
            end = time.time()
            still, empty = [], []
            for panel in panels():
                for query in panel.queries:
                    found = answers(source, query, begun, end, 1)
                    values = [value for _, series in found for _, value in series.points]
                    where = (panel.title, query.legend)
                    if not values:
                        empty.append(where)
                    elif not any(value > 0 for value in values) and where not in QUIET:
                        still.append(where)
            agents = source.label_values("journeyman_runs_total", "agent")
    print(f"{sum(len(panel.queries) for panel in panels())} queries; answers {dict(made.statuses)}")
    assert (empty, still) == ([], [])
    assert {"shop", "fragile"} <= set(agents)
