from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from journeyman.clock import ManualClock
from journeyman.telemetry.metrics.history import (
    INTERVAL_SECONDS,
    MAX_COLUMNS,
    SAMPLES,
    FigureHistory,
    Reading,
    percentile,
)
from journeyman.telemetry.metrics.instruments import SECONDS, Distribution


class Figures:
    """What the history reads next, and the history."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.gauges: dict[str, float] = {}
        self.counters: dict[str, float] = {}
        self.distributions: dict[str, Distribution] = {}
        self.history = FigureHistory(self.clock, self.read)

    def read(self) -> Reading:
        return Reading(gauges=dict(self.gauges), counters=dict(self.counters), distributions=dict(self.distributions))

    def sample(self, times: int = 1) -> None:
        for _ in range(times):
            self.clock.advance(INTERVAL_SECONDS)
            self.history.sample()

    def shown(self, hours: float = 24, points: int = 720) -> dict[str, list[float]]:
        return self.history.series(hours, points).figures


def test_counts_are_of_their_span_and_states_its_highest() -> None:
    figures = Figures()
    for runs, active in ((2, 1), (5, 3), (5, 0)):
        figures.counters["runs"], figures.gauges["active"] = runs, active
        figures.sample()
    assert figures.shown() == {"runs": [2, 3, 0], "active": [1, 3, 0]}
    assert figures.shown(points=2) == {"runs": [5, 0], "active": [3, 0]}
    assert figures.shown(hours=20 / 3600) == {"runs": [3, 0], "active": [3, 0]}
    series = figures.history.series(24, 2)
    assert series.since == "2023-11-14T22:13:20.000000Z"
    assert series.at == ["2023-11-14T22:13:40.000000Z", "2023-11-14T22:13:50.000000Z"]


def test_what_was_always_0_is_absent_and_what_comes_or_goes_is_0_else() -> None:
    figures = Figures()
    figures.gauges["idle"] = 0
    figures.sample(2)
    assert figures.shown() == {}
    figures.gauges["waiting"] = 4
    figures.sample()
    del figures.gauges["waiting"]
    figures.sample()
    assert figures.shown() == {"waiting": [0, 0, 4, 0]}


def test_the_oldest_go_after_a_day() -> None:
    figures = Figures()
    figures.counters["runs"] = figures.gauges["once"] = 7
    figures.sample(2)
    del figures.gauges["once"]
    figures.sample(SAMPLES - 1)
    shown = figures.shown(points=1)
    assert shown == {"runs": [0], "once": [7]}
    figures.sample()
    assert figures.shown(points=1) == {"runs": [0], "once": [0]}


def test_percentiles_are_of_the_values_in_the_span() -> None:
    figures = Figures()
    for counts in ((10, 0, 0), (10, 10, 0)):
        figures.distributions["run"] = Distribution((1.0, 2.0), counts, 0.0)
        figures.sample()
    figures.sample()
    seconds = figures.history.series(1, 99).seconds["run"]
    assert (seconds.p50, seconds.p95) == ([0.5, 1.5, None], [0.95, 1.95, None])
    assert figures.history.series(1, 1).seconds["run"].p50 == [1.0]
    assert percentile((1.0, 2.0), (0, 0, 3), 0.5) == 2.0


def test_a_day_of_every_figure_takes_at_most_2_mb() -> None:
    figures = Figures()
    figures.gauges = {f"g{number}": 1.0 for number in range(MAX_COLUMNS + 9)}
    counts = [0] * (len(SECONDS) + 1)
    for name in ("run", "model_call"):
        figures.distributions[name] = Distribution(SECONDS, (*counts[:-1], 1), 0.0)
    figures.sample(SAMPLES + 1)
    history: Any = figures.history
    arrays = [history._times, *(column for _, column in history._columns.values())]
    arrays += [column for _, columns in history._buckets.values() for column in columns]
    assert len(figures.shown(points=1)) == MAX_COLUMNS
    assert sum(map(sys.getsizeof, arrays)) <= 2_000_000


async def test_a_sample_is_taken_every_ten_seconds_until_the_stop() -> None:
    figures = Figures()
    figures.counters["runs"] = 9  # from before
    figures.history.start()
    for _ in range(3):
        figures.counters["runs"] += 1
        figures.clock.advance(INTERVAL_SECONDS)
        for _ in range(3):
            await asyncio.sleep(0)
    figures.history.stop()
    figures.clock.advance(99)
    await asyncio.sleep(0)
    assert figures.shown() == {"runs": pytest.approx([1, 1, 1])}
