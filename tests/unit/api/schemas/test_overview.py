from __future__ import annotations

import msgspec

from journeyman.api.schemas.overview import OverviewAnswer
from journeyman.telemetry.metrics.history import FigureSeries, Percentiles


def test_a_span_without_values_has_no_percentile() -> None:
    history = FigureSeries(since="s", at=["a"], figures={}, seconds={"run": Percentiles(p50=[None], p95=[1.5])})
    answer = OverviewAnswer(history=history, now={}, budgets=None)
    shown = msgspec.json.decode(msgspec.json.encode(answer))
    assert shown["history"]["seconds"] == {"run": {"p50": [None], "p95": [1.5]}}
    assert msgspec.convert(shown, OverviewAnswer) == answer
