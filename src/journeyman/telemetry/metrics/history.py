"""Keeps figures of the last 24 hours in memory: one sample in 10 seconds, at most 2 MB, gone with the process.

Counters and distributions are kept as differences, so that any span can be summed up. A column begins with its first
value that is not 0: an idle server keeps next to nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from journeyman.clock import Clock, Timer
from journeyman.events.codec import rfc3339
from journeyman.telemetry.metrics.instruments import Distribution

INTERVAL_SECONDS = 10.0
SAMPLES = 8_640  # of 24 hours
MAX_COLUMNS = 38  # of numbers, 4 bytes each; those beyond are not kept
MAX_BUCKETS = 32  # columns of small counts, 2 bytes each
_MOST = 0xFFFF

How = Literal["sum", "max"]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one moment: gauges as they are, counters and distributions since the process began."""

    gauges: Mapping[str, float]
    counters: Mapping[str, float]
    distributions: Mapping[str, Distribution]


class Percentiles(msgspec.Struct, frozen=True):
    """The seconds that half, and 95 of 100, took at most. Null: there was none."""

    p50: list[float | None]
    p95: list[float | None]


class FigureSeries(msgspec.Struct, frozen=True, kw_only=True):
    """Figures over time, each a list beside `at`, the end of its span.

    Counts are those of the span, states (`…_now`) its highest. A figure that was always 0 is absent.
    """

    since: str
    at: list[str]
    figures: dict[str, list[float]]
    seconds: dict[str, Percentiles]


class FigureHistory:
    """Samples the figures that `read` returns, from `start` to `stop`."""

    def __init__(self, clock: Clock, read: Callable[[], Reading]) -> None:
        self._clock = clock
        self.read = read
        self._timer: Timer | None = None
        self._before: Reading | None = None
        self._taken = 0
        self._since = clock.now()
        self._times = array("q")
        self._columns: dict[str, tuple[How, array[float]]] = {}
        self._buckets: dict[str, tuple[tuple[float, ...], list[array[int]]]] = {}

    def start(self) -> None:
        """Start sampling."""
        self._since = self._clock.now()
        self._before = self.read()
        self._again()

    def stop(self) -> None:
        """Stop sampling. Does nothing before `start`."""
        if self._timer is not None:
            self._timer.cancel()

    def _again(self) -> None:
        self._timer = self._clock.call_later(INTERVAL_SECONDS, self._tick)

    def _tick(self) -> None:
        self.sample()
        self._again()

    def sample(self) -> None:
        """Keep the figures of now."""
        now, before = self.read(), self._before
        self._keep_numbers("max", now.gauges)
        self._keep_numbers("sum", {name: max(0.0, value - _of(before, name)) for name, value in now.counters.items()})
        for name, distribution in now.distributions.items():
            earlier = before.distributions.get(name) if before else None
            self._keep_buckets(name, distribution, earlier.counts if earlier else (0,) * len(distribution.counts))
        _put(self._times, self._taken, self._clock.now())
        for name in self._columns.keys() - now.gauges.keys() - now.counters.keys():
            _put(self._columns[name][1], self._taken, 0.0)
        self._before, self._taken = now, self._taken + 1

    def _keep_numbers(self, how: How, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if name not in self._columns:
                if not value or len(self._columns) >= MAX_COLUMNS:
                    continue
                self._columns[name] = (how, array("f", bytes(4 * min(self._taken, SAMPLES))))
            _put(self._columns[name][1], self._taken, value)

    def _keep_buckets(self, name: str, distribution: Distribution, before: Sequence[int]) -> None:
        counts = [count - earlier for count, earlier in zip(distribution.counts, before, strict=True)]
        if name not in self._buckets:
            kept = sum(len(columns) for _, columns in self._buckets.values())
            if not any(counts) or kept + len(counts) > MAX_BUCKETS:
                return
            columns = [array("H", bytes(2 * min(self._taken, SAMPLES))) for _ in counts]
            self._buckets[name] = (distribution.bounds, columns)
        for column, count in zip(self._buckets[name][1], counts, strict=True):
            _put(column, self._taken, min(count, _MOST))

    def series(self, hours: float, points: int) -> FigureSeries:
        """Return the last hours in at most `points` spans of the same number of samples."""
        kept = min(self._taken, SAMPLES, max(1, round(hours * 3600 / INTERVAL_SECONDS)))
        first, step = self._taken - kept, max(1, -(-kept // points))
        spans = [range(start, min(start + step, self._taken)) for start in range(first, self._taken, step)]
        return FigureSeries(
            since=rfc3339(self._since),
            at=[rfc3339(self._times[span[-1] % SAMPLES]) for span in spans],
            figures={
                name: [round(_together(how, [column[no % SAMPLES] for no in span]), 6) for span in spans]
                for name, (how, column) in self._columns.items()
            },
            seconds={name: self._percentiles(name, spans) for name in self._buckets},
        )

    def _percentiles(self, name: str, spans: Sequence[range]) -> Percentiles:
        bounds, columns = self._buckets[name]
        counts = [[sum(column[no % SAMPLES] for no in span) for column in columns] for span in spans]
        return Percentiles(
            p50=[percentile(bounds, each, 0.5) for each in counts],
            p95=[percentile(bounds, each, 0.95) for each in counts],
        )


def percentile(bounds: Sequence[float], counts: Sequence[int], part: float) -> float | None:
    """Return the value that this part of the values does not exceed, by a straight line within its bucket.

    Above the last bound it is that bound. None: there are no values.
    """
    if not (total := sum(counts)):
        return None
    wanted, seen, low = part * total, 0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and seen + count >= wanted:
            return round(low + (bound - low) * (wanted - seen) / count, 6)
        seen, low = seen + count, bound
    return bounds[-1]


def _of(reading: Reading | None, name: str) -> float:
    return reading.counters.get(name, 0.0) if reading else 0.0


def _put(column: array[float] | array[int], taken: int, value: float) -> None:
    if len(column) < SAMPLES:
        column.append(value)  # type: ignore[arg-type]
    else:
        column[taken % SAMPLES] = value  # type: ignore[call-overload]


def _together(how: How, values: Sequence[float]) -> float:
    return sum(values) if how == "sum" else max(values)
