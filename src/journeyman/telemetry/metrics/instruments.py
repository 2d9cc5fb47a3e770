"""Counters and histograms: numbers under labels, bounded, written on the event loop only.

A figure has at most `MOST_LABEL_SETS` sets of label values; what comes after them is counted under `(other)`. That is
the last resort: whoever counts gives labels from finite sets.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

OTHER = "(other)"
MOST_LABEL_SETS = 1000
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

Labels = tuple[str, ...]
Kind = Literal["counter", "gauge", "histogram"]


class Distribution(msgspec.Struct, frozen=True):
    """How often each bucket was met (the last one is above every bound), and the sum of all values."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


class Family(msgspec.Struct, frozen=True):
    """One metric as it stands: what a scrape reads. A counter's name is without its `_total`."""

    name: str
    kind: Kind
    help: str
    labels: Labels
    samples: Mapping[Labels, float | Distribution]


class Counter:
    """A sum that only grows."""

    def __init__(self, name: str, help: str, *labels: str, known: Sequence[Labels] = ()) -> None:
        """`known` label sets begin at 0, as does a sum without labels: no rate sees a first one that had no zero."""
        self._said = (name, help, labels)
        self._values: dict[Labels, float] = dict.fromkeys(known if labels else [()], 0.0)

    def add(self, labels: Labels = (), amount: float = 1.0) -> None:
        known = self._values.get(labels)
        if known is None:
            labels = bounded_labels(labels, self._values)
            known = self._values.get(labels, 0.0)
        self._values[labels] = known + amount

    def read(self) -> Family:
        name, help, labels = self._said
        return Family(name, "counter", help, labels, dict(self._values))


class Histogram:
    """How values are spread over buckets: seconds, or counts."""

    def __init__(self, name: str, help: str, *labels: str, bounds: tuple[float, ...] = SECONDS) -> None:
        self._said = (name, help, labels)
        self._bounds = bounds
        self._rows: dict[Labels, tuple[list[int], list[float]]] = {}

    def observe(self, value: float, labels: Labels = ()) -> None:
        row = self._rows.get(labels)
        if row is None:
            row = self._rows.setdefault(bounded_labels(labels, self._rows), ([0] * (len(self._bounds) + 1), [0.0]))
        counts, total = row
        counts[bisect_left(self._bounds, value)] += 1
        total[0] += value

    def read(self) -> Family:
        name, help, labels = self._said
        rows = self._rows.items()
        samples = {each: Distribution(self._bounds, tuple(counts), total[0]) for each, (counts, total) in rows}
        return Family(name, "histogram", help, labels, samples)


def gauge(name: str, help: str, *labels: str, samples: Mapping[Labels, float]) -> Family:
    """A figure read from elsewhere at this moment."""
    return Family(name, "gauge", help, labels, samples)


def counted(name: str, help: str, *labels: str, samples: Mapping[Labels, float]) -> Family:
    """A sum that somebody else keeps."""
    return Family(name, "counter", help, labels, samples)


def alone(value: float) -> Mapping[Labels, float]:
    """The samples of a figure without labels."""
    return {(): value}


def bounded_labels(labels: Labels, known: Mapping[Labels, object]) -> Labels:
    """These labels, or `(other)` where there are too many sets already."""
    return (OTHER,) * len(labels) if len(known) >= MOST_LABEL_SETS else labels
