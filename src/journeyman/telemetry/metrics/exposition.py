"""Renders metrics in the text format of Prometheus, or in OpenMetrics if the request accepts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import cast

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from journeyman.telemetry.metrics.instruments import Distribution, Family

Read = Callable[[], Iterable[Family]]


class Exposition:
    """Renders the metrics that `read` returns at each scrape, and those of the process (CPU, memory, open files)."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._process = ProcessCollector(registry=None)

    async def render(self, accept: str) -> tuple[bytes, str]:
        """Return the response body and its content type for an Accept header.

        The metrics are read at once, on the event loop, and rendered in a thread.
        """
        scrape = _Scrape([*self._read()], self._process)
        if "application/openmetrics-text" in accept:
            return await asyncio.to_thread(_openmetrics, scrape), openmetrics.CONTENT_TYPE_LATEST
        return await asyncio.to_thread(_plain_text, scrape), CONTENT_TYPE_PLAIN_0_0_4


class _Scrape(Collector):
    """The metrics of one scrape, as prometheus_client collects them."""

    def __init__(self, families: Iterable[Family], process: ProcessCollector) -> None:
        self._families = families
        self._process = process

    def collect(self) -> Iterable[Metric]:
        """Return all metrics."""
        return (*map(_metric, self._families), *self._process.collect())


def _plain_text(scrape: _Scrape) -> bytes:
    return generate_latest(scrape)


def _openmetrics(scrape: _Scrape) -> bytes:
    return openmetrics.generate_latest(scrape)  # type: ignore[no-any-return, no-untyped-call]


def _metric(family: Family) -> Metric:
    match family.kind:
        case "counter":
            return _numbers(CounterMetricFamily(family.name, family.help, labels=family.labels), family)
        case "gauge":
            return _numbers(GaugeMetricFamily(family.name, family.help, labels=family.labels), family)
        case "histogram":
            return _histogram(family)


def _numbers(metric: CounterMetricFamily | GaugeMetricFamily, family: Family) -> Metric:
    for labels, value in family.samples.items():
        metric.add_metric(labels, cast(float, value))
    return metric


def _histogram(family: Family) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for labels, sample in family.samples.items():
        distribution = cast(Distribution, sample)
        metric.add_metric(labels, _buckets(distribution), distribution.total)
    return metric


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    """Return the cumulative count for each upper bound. The last bound is `+Inf`."""
    bounds = [*map(str, distribution.bounds), "+Inf"]
    total, buckets = 0, []
    for bound, count in zip(bounds, distribution.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
