"""The figures that the overview shows over time, read from counters that the process has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from journeyman.telemetry.metrics.collectors import MetricSources
from journeyman.telemetry.metrics.history import Reading
from journeyman.telemetry.metrics.instruments import Counter, Distribution, Histogram
from journeyman.telemetry.metrics.recorders import RunMetrics, ServerMetrics


def read_figures(runs: RunMetrics, server: ServerMetrics, sources: MetricSources) -> Reading:
    """Return the figures of this moment."""
    return Reading(
        gauges=_states(sources),
        counters={
            **_by_label(runs.ended, 1, "runs_"),
            **_by_label(runs.tokens, 1, "tokens_"),
            **_by_label(runs.failed, 1, "errors:"),
            "approvals_asked": _total(runs.approvals),
            "cost_usd": _total(runs.cost),
            "model_calls": _total(runs.replies),
            "model_errors": _total(runs.errors),
            "budget_warnings": _total(runs.warned),
            "retries": _total(server.retries),
            "refused_calls": _total(server.refused),
        },
        distributions={
            name: found
            for name, histogram in (("run", runs.seconds), ("model_call", runs.latency))
            if (found := _all(histogram)) is not None
        },
    )


def _states(sources: MetricSources) -> dict[str, float]:
    counts, workers, guards = sources.runs(), sources.workers(), sources.guards().values()
    breakers = [breaker.state for guard in guards for breaker in guard.breakers.values()]
    return {
        "runs_active_now": float(counts["running"]),
        "runs_queued_now": float(counts["waiting"]),
        "streams_now": float(counts["streams"]),
        **{f"lacking_now:{kind}": float(count) for kind, count in sources.lacking().items()},
        "workers_busy_now": float(workers["busy"]),
        "workers_idle_now": float(workers["idle"]),
        "breakers_open_now": float(sum(state != "closed" for state in breakers)),
        "journal_queue_now": float(sources.journal().get("queue_depth", 0.0)),
    }


def _by_label(counter: Counter, place: int, prefix: str) -> Mapping[str, float]:
    """Return the sums of a counter by one of its labels."""
    found: dict[str, float] = {}
    for labels, value in _numbers(counter):
        if len(labels) > place:
            found[prefix + labels[place]] = found.get(prefix + labels[place], 0.0) + value
    return found


def _total(counter: Counter) -> float:
    return sum(value for _, value in _numbers(counter))


def _numbers(counter: Counter) -> Iterable[tuple[tuple[str, ...], float]]:
    return ((labels, value) for labels, value in counter.read().samples.items() if isinstance(value, float | int))


def _all(histogram: Histogram) -> Distribution | None:
    """Return the values under all labels together. None: there are none yet."""
    rows = [each for each in histogram.read().samples.values() if isinstance(each, Distribution)]
    if not rows:
        return None
    counts = tuple(map(sum, zip(*(row.counts for row in rows), strict=True)))
    return Distribution(rows[0].bounds, counts, sum(row.total for row in rows))
