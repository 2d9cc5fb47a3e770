"""reference/metrics.md names every metric as it is, and no other; expressions name real ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from journeyman.telemetry.metrics.collectors import MetricSources, collect
from journeyman.telemetry.metrics.instruments import Family
from journeyman.telemetry.metrics.recorders import LabelNames, RunMetrics, ServerMetrics

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROW = re.compile(r"^\| `(journeyman_\w+)` \| (\w+) \| (.*?) ?\| (.*) \|$", re.MULTILINE)
PARTS = ("", "_total", "_bucket", "_sum", "_count")


def families() -> list[Family]:
    names = LabelNames(models=lambda agent: (), is_service=lambda name: True)
    sources = MetricSources(
        version="0",
        tools=dict,
        tool_durations=dict,
        guards=dict,
        journal=dict,
        runs=lambda: {"running": 0, "waiting": 0, "streams": 0},
        lacking=dict,
        workers=dict,
        limits_away=lambda: False,
    )
    return [*RunMetrics(names).read(), *ServerMetrics(names).read(), *collect(sources)]


def test_every_metric_is_documented_as_it_is() -> None:
    documented = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, labels, meaning in ROW.findall((DOCS / "reference/metrics.md").read_text())
    }
    made = {
        f"{each.name}_total" if each.kind == "counter" else each.name: (each.kind, each.labels, each.help)
        for each in families()
    }
    assert documented == made


@pytest.mark.parametrize("page", ["how-to/watch-a-server.md"])
def test_expressions_name_metrics_that_exist(page: str) -> None:
    known = {each.name + part for each in families() for part in PARTS}
    named = re.findall(r"journeyman_\w+", (DOCS / page).read_text())
    assert len(named) > 5
    assert not [name for name in named if name not in known]
