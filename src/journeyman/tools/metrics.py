"""The metrics of one tool, computed from the events of its calls. Percentiles are of the last 512 durations."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

import msgspec

from journeyman.events.events import ToolCallFinished
from journeyman.events.messages import JSON

_KEPT = 512  # durations
BOUNDS_MS = (
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1000.0,
    2500.0,
    5000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
)


class Durations(msgspec.Struct, frozen=True):
    """A histogram of durations in milliseconds: the number of calls up to each bound, and then of longer ones."""

    bounds_ms: tuple[float, ...]
    counts: tuple[int, ...]
    total_ms: float


class ToolMetrics:
    """The counts and durations of one tool's calls."""

    def __init__(self) -> None:
        self._requested = self._calls = self._errors = self._not_found = self._invalid = 0
        self._retries = self._cache_hits = 0
        self._total_ms = 0.0
        self._recent_ms: deque[float] = deque(maxlen=_KEPT)
        self._buckets = [0] * (len(BOUNDS_MS) + 1)

    def record(self, event: ToolCallFinished) -> None:
        """Count a finished call."""
        self._requested += 1
        code = event.error.code if event.error else ""
        self._cache_hits += event.cached
        self._not_found += code == "tool_not_found"
        self._invalid += code == "invalid_arguments"
        if event.attempts:
            self._calls += 1
            self._errors += bool(code)
            self._retries += event.attempts - 1
            self._total_ms += event.duration_ms
            self._recent_ms.append(event.duration_ms)
            self._buckets[bisect_left(BOUNDS_MS, event.duration_ms)] += 1

    @property
    def durations(self) -> Durations:
        """The histogram of all durations."""
        return Durations(BOUNDS_MS, tuple(self._buckets), self._total_ms)

    def read(self) -> dict[str, JSON]:
        """Return the metrics as JSON: durations in seconds, error_rate in per cent of the calls that ran."""
        ordered = sorted(self._recent_ms)
        return {
            "requested": self._requested,
            "calls": self._calls,
            "errors": self._errors,
            "not_found": self._not_found,
            "invalid": self._invalid,
            "retries": self._retries,
            "cache_hits": self._cache_hits,
            "error_rate": 100 * self._errors / self._calls if self._calls else 0.0,
            "average_duration": self._total_ms / self._calls / 1000 if self._calls else 0.0,
            "p50": _quantile(ordered, 0.50) / 1000,
            "p95": _quantile(ordered, 0.95) / 1000,
        }


def _quantile(ordered: list[float], fraction: float) -> float:
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))] if ordered else 0.0
