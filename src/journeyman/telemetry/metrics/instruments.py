"""Counters and histograms with labels, written on the event loop only.

A metric has at most `MAX_LABEL_SETS` sets of label values; further ones are counted under `(other)`. This is a last
resort: label values should come from a limited set.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

OTHER = "(other)"
MAX_LABEL_SETS = 1000
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

Labels = tuple[str, ...]
Kind = Literal["counter", "gauge", "histogram"]


class Distribution(msgspec.Struct, frozen=True):
    """The number of values in each bucket (the last one is above every bound), and the sum of all values."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


class Family(msgspec.Struct, frozen=True):
    """One metric with its current values, as a scrape reads it. A counter's name does not have its `_total`."""

    name: str
    kind: Kind
    help: str
    labels: Labels
    samples: Mapping[Labels, float | Distribution]


class Counter:
    """A sum that only grows."""

    def __init__(self, name: str, help: str, *labels: str, known: Sequence[Labels] = ()) -> None:
        """Start the label sets in `known` at 0, or the counter itself if it has no labels.

        Prometheus sees the first increment as a step only if the counter was exported as 0 before.
        """
        self._description = (name, help, labels)
        self._values: dict[Labels, float] = dict.fromkeys(known if labels else [()], 0.0)

    def add(self, labels: Labels = (), amount: float = 1.0) -> None:
        """Increase the sum under these label values."""
        value = self._values.get(labels)
        if value is None:
            labels = bounded_labels(labels, self._values)
            value = self._values.get(labels, 0.0)
        self._values[labels] = value + amount

    def read(self) -> Family:
        """Return the current sums."""
        name, help, labels = self._description
        return Family(name, "counter", help, labels, dict(self._values))


class Histogram:
    """Counts values such as durations in buckets."""

    def __init__(self, name: str, help: str, *labels: str, bounds: tuple[float, ...] = SECONDS) -> None:
        self._description = (name, help, labels)
        self._bounds = bounds
        self._rows: dict[Labels, tuple[list[int], list[float]]] = {}

    def observe(self, value: float, labels: Labels = ()) -> None:
        """Count one value under these label values."""
        row = self._rows.get(labels)
        if row is None:
            row = self._rows.setdefault(bounded_labels(labels, self._rows), ([0] * (len(self._bounds) + 1), [0.0]))
        counts, total = row
        counts[bisect_left(self._bounds, value)] += 1
        total[0] += value

    def read(self) -> Family:
        """Return the current distributions."""
        name, help, labels = self._description
        rows = self._rows.items()
        samples = {values: Distribution(self._bounds, tuple(counts), total[0]) for values, (counts, total) in rows}
        return Family(name, "histogram", help, labels, samples)


def gauge(name: str, help: str, *labels: str, samples: Mapping[Labels, float]) -> Family:
    """Return a gauge whose values were read at this moment."""
    return Family(name, "gauge", help, labels, samples)


def counter(name: str, help: str, *labels: str, samples: Mapping[Labels, float]) -> Family:
    """Return a counter whose sums are kept elsewhere."""
    return Family(name, "counter", help, labels, samples)


def unlabelled(value: float) -> Mapping[Labels, float]:
    """Return the samples of a metric without labels."""
    return {(): value}


def bounded_labels(labels: Labels, known: Mapping[Labels, object]) -> Labels:
    """Return `labels`, or `(other)` for each of them if there are too many label sets already."""
    return (OTHER,) * len(labels) if len(known) >= MAX_LABEL_SETS else labels
