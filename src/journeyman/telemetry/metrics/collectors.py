"""Metrics whose values are kept by other parts and read at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from journeyman.events.messages import JSON
from journeyman.resilience.guard import GuardFigures
from journeyman.telemetry.metrics.instruments import Distribution, Family, Labels, counter, gauge, unlabelled

_TOOL_COUNTS = {
    "requested": "Calls that models or clients asked for.",
    "calls": "Calls that ran.",
    "errors": "Calls that ran and failed.",
    "not_found": "Calls of a tool that does not exist.",
    "invalid": "Calls whose arguments were refused.",
    "retries": "Attempts after the first.",
    "cache_hits": "Calls answered from the cache.",
    "loop_blocks": "Steps of an inline tool that blocked the event loop for over 100 ms.",
}
_TOOL_GAUGES = {
    "error_rate": "Per cent of the calls that ran and failed.",
    "average_duration": "Seconds, over all calls that ran.",
    "p50": "Median duration of the last 512 calls, seconds.",
    "p95": "95th percentile of the same, seconds.",
}
_JOURNAL = {
    "batches": ("journeyman_journal_batches", "Batches committed: one or more make a group."),
    "refused": ("journeyman_journal_batches_refused", "Batches refused: stale epoch, closed approval, busy thread."),
    "turned_away": ("journeyman_journal_accepts_refused", "Requests refused because too many waited to be written."),
    "checkpoints": ("journeyman_journal_checkpoints", "Checkpoints of the write-ahead log."),
}
_BREAKER = {"closed": 0.0, "half_open": 1.0, "open": 2.0}


class MetricSources(msgspec.Struct, frozen=True, kw_only=True):
    """Functions that return current values. Each is called at every scrape on the event loop, so it must be fast."""

    version: str
    tools: Callable[[], Mapping[str, Mapping[str, JSON]]]  # tool -> values by name
    tool_durations: Callable[[], Mapping[str, Distribution]]
    guards: Callable[[], Mapping[str, GuardFigures]]  # configured service -> values
    journal: Callable[[], Mapping[str, float]]
    runs: Callable[[], Mapping[str, int]]  # running, waiting (for a slot), streams
    lacking: Callable[[], Mapping[str, int]]  # kind of what is not here -> runs that wait for it
    workers: Callable[[], Mapping[str, int]]  # limit, busy, idle
    limits_away: Callable[[], bool]  # whether limits should be shared, but Redis cannot be reached


def collect(sources: MetricSources) -> list[Family]:
    """Read all sources and return their metrics."""
    return [
        gauge("journeyman_build_info", "The release.", "version", samples={(sources.version,): 1.0}),
        *_runs(sources.runs()),
        gauge(
            "journeyman_runs_lacking",
            "Runs that wait for what this process lacks, by its kind.",
            "kind",
            samples={(kind,): float(count) for kind, count in sources.lacking().items()},
        ),
        *_tools(sources.tools(), sources.tool_durations()),
        *_guards(sources.guards()),
        *_journal(sources.journal()),
        gauge(
            "journeyman_worker_processes",
            "Processes for tools: their limit, and how many are busy or idle.",
            "state",
            samples={(state,): float(count) for state, count in sources.workers().items()},
        ),
        gauge(
            "journeyman_shared_limits_away",
            "1 while Redis does not answer, and this process counts its own limits.",
            samples=unlabelled(float(sources.limits_away())),
        ),
    ]


def _runs(counts: Mapping[str, int]) -> Iterable[Family]:
    yield gauge("journeyman_runs_active", "Runs in progress in this process.", samples=unlabelled(counts["running"]))
    yield gauge(
        "journeyman_runs_waiting",
        "Runs that wait for a free slot in this process.",
        samples=unlabelled(counts["waiting"]),
    )
    yield gauge("journeyman_streams", "Clients that follow a run.", samples=unlabelled(counts["streams"]))


def _tools(tools: Mapping[str, Mapping[str, JSON]], durations: Mapping[str, Distribution]) -> Iterable[Family]:
    def by_tool(name: str) -> dict[Labels, float]:
        return {(tool,): float(values[name]) for tool, values in tools.items()}

    for name, help in _TOOL_COUNTS.items():
        yield counter(f"journeyman_tool_{name}", help, "tool", samples=by_tool(name))
    for name, help in _TOOL_GAUGES.items():
        yield gauge(f"journeyman_tool_{name}", help, "tool", samples=by_tool(name))
    samples: dict[Labels, float | Distribution] = {(tool,): values for tool, values in durations.items()}
    name, help = "journeyman_tool_duration_seconds", "Time of a call that ran, with its retries and pauses."
    yield Family(name, "histogram", help, ("tool",), samples)


def _guards(guards: Mapping[str, GuardFigures]) -> Iterable[Family]:
    def by_guard(read: Callable[[GuardFigures], float]) -> dict[Labels, float]:
        return {(name,): float(read(guard)) for name, guard in guards.items()}

    states: dict[Labels, float] = {
        (name, key): _BREAKER[breaker.state]
        for name, guard in guards.items()
        for key, breaker in guard.breakers.items()
    }
    yield gauge(
        "journeyman_guard_calls", "Calls to the service in progress.", "guard", samples=by_guard(lambda g: g.inside)
    )
    yield gauge(
        "journeyman_guard_waiting", "Calls that wait for a slot.", "guard", samples=by_guard(lambda g: g.waiting)
    )
    yield gauge(
        "journeyman_guard_slots",
        "Calls that may be in progress at the same time.",
        "guard",
        samples=by_guard(lambda g: g.max_connections),
    )
    yield gauge(
        "journeyman_guard_retry_budget",
        "Retries that could be made now.",
        "guard",
        samples=by_guard(lambda g: g.retry_budget),
    )
    yield gauge(
        "journeyman_guard_rate_delay_seconds",
        "How long the next call would wait for its rate limit.",
        "guard",
        samples=by_guard(lambda g: g.rate_delay),
    )
    yield gauge("journeyman_breaker_state", "0 closed, 1 half open, 2 open.", "guard", "key", samples=states)


def _journal(stats: Mapping[str, float]) -> Iterable[Family]:
    yield gauge(
        "journeyman_journal_queue_depth",
        "Batches that wait to be committed.",
        samples=unlabelled(stats.get("queue_depth", 0.0)),
    )
    for key, (name, help) in _JOURNAL.items():
        yield counter(name, help, samples=unlabelled(stats.get(key, 0.0)))
