"""Figures that other parts keep, read at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from journeyman.events.messages import JSON
from journeyman.resilience.guard import GuardFigures
from journeyman.telemetry.metrics.instruments import Distribution, Family, Labels, alone, counted, gauge

_TOOL_COUNTS = {
    "requested": "Calls that models or clients asked for.",
    "calls": "Calls that ran.",
    "errors": "Calls that ran and failed.",
    "not_found": "Calls of a tool that is not there.",
    "invalid": "Calls whose arguments were refused.",
    "retries": "Tries after the first.",
    "cache_hits": "Calls answered from the cache.",
    "loop_blocks": "Steps of an inline tool that blocked the event loop for over 100 ms.",
}
_TOOL_STATES = {
    "error_rate": "Per cent of the calls that ran and failed.",
    "average_duration": "Seconds, over all calls that ran.",
    "p50": "Median duration of the last 512 calls, seconds.",
    "p95": "95th percentile of the same, seconds.",
}
_JOURNAL = {
    "batches": ("journeyman_journal_batches", "Batches committed: one or more make a group."),
    "refused": ("journeyman_journal_batches_refused", "Batches refused: stale epoch, closed approval, busy thread."),
    "checkpoints": ("journeyman_journal_checkpoints", "Checkpoints of the write-ahead log."),
}
_BREAKER = {"closed": 0.0, "half_open": 1.0, "open": 2.0}


class MetricSources(msgspec.Struct, frozen=True, kw_only=True):
    """Where the figures are kept. Each is asked at each scrape, on the event loop: none may take long."""

    version: str
    tools: Callable[[], Mapping[str, Mapping[str, JSON]]]  # tool -> figures
    tool_durations: Callable[[], Mapping[str, Distribution]]
    guards: Callable[[], Mapping[str, GuardFigures]]  # configured services by name
    journal: Callable[[], Mapping[str, float]]
    runs: Callable[[], Mapping[str, int]]  # running, waiting (for a slot), streams
    workers: Callable[[], Mapping[str, int]]  # limit, busy, idle
    limits_away: Callable[[], bool]  # limits are shared through a Redis that cannot be reached


def collect(sources: MetricSources) -> list[Family]:
    return [
        gauge("journeyman_build_info", "The release.", "version", samples={(sources.version,): 1.0}),
        *_runs(sources.runs()),
        *_tools(sources.tools(), sources.tool_durations()),
        *_guards(sources.guards()),
        *_journal(sources.journal()),
        gauge(
            "journeyman_worker_processes",
            "Processes for tools, and how many there may be.",
            "state",
            samples={(state,): float(count) for state, count in sources.workers().items()},
        ),
        gauge(
            "journeyman_shared_limits_away",
            "1 while Redis is away and limits are those of this process alone.",
            samples=alone(float(sources.limits_away())),
        ),
    ]


def _runs(figures: Mapping[str, int]) -> Iterable[Family]:
    yield gauge("journeyman_runs_active", "Runs under way here.", samples=alone(figures["running"]))
    yield gauge(
        "journeyman_runs_waiting", "Runs that wait for a place in this process.", samples=alone(figures["waiting"])
    )
    yield gauge("journeyman_streams", "Clients that follow a run.", samples=alone(figures["streams"]))


def _tools(figures: Mapping[str, Mapping[str, JSON]], durations: Mapping[str, Distribution]) -> Iterable[Family]:
    def of(name: str) -> dict[Labels, float]:
        return {(tool,): float(each[name]) for tool, each in figures.items()}

    for name, help in _TOOL_COUNTS.items():
        yield counted(f"journeyman_tool_{name}", help, "tool", samples=of(name))
    for name, help in _TOOL_STATES.items():
        yield gauge(f"journeyman_tool_{name}", help, "tool", samples=of(name))
    samples: dict[Labels, float | Distribution] = {(tool,): each for tool, each in durations.items()}
    name, help = "journeyman_tool_duration_seconds", "Time of a call that ran, its retries and pauses included."
    yield Family(name, "histogram", help, ("tool",), samples)


def _guards(figures: Mapping[str, GuardFigures]) -> Iterable[Family]:
    def of(read: Callable[[GuardFigures], float]) -> dict[Labels, float]:
        return {(name,): float(read(each)) for name, each in figures.items()}

    states: dict[Labels, float] = {
        (name, key): _BREAKER[breaker.state] for name, each in figures.items() for key, breaker in each.breakers.items()
    }
    yield gauge("journeyman_guard_calls", "Calls to the service under way.", "guard", samples=of(lambda g: g.inside))
    yield gauge("journeyman_guard_waiting", "Calls that wait for a slot.", "guard", samples=of(lambda g: g.waiting))
    yield gauge(
        "journeyman_guard_slots", "Most calls under way at once.", "guard", samples=of(lambda g: g.max_connections)
    )
    yield gauge(
        "journeyman_guard_retry_budget",
        "Retries that could be made now.",
        "guard",
        samples=of(lambda g: g.retry_budget),
    )
    yield gauge(
        "journeyman_guard_rate_delay_seconds",
        "What the next call would wait for its rate limit.",
        "guard",
        samples=of(lambda g: g.rate_delay),
    )
    yield gauge("journeyman_breaker_state", "0 closed, 1 half open, 2 open.", "guard", "key", samples=states)


def _journal(figures: Mapping[str, float]) -> Iterable[Family]:
    yield gauge(
        "journeyman_journal_queue_depth",
        "Batches that wait to be committed.",
        samples=alone(figures.get("queue_depth", 0.0)),
    )
    for key, (name, help) in _JOURNAL.items():
        yield counted(name, help, samples=alone(figures.get(key, 0.0)))
