"""Requirement: no metric and no label grows without limit, for any names that come from outside (issue 5).

Every source of metrics is flooded with unknown names: agents, models, error codes, routes, methods, tools, origins and
keys of breakers. Then the series of a scrape are counted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from journeyman.clock import ManualClock
from journeyman.egress.retry_rules import classify_idempotent
from journeyman.egress.services import Services
from journeyman.events.codec import Codec
from journeyman.events.events import (
    ApprovalRequested,
    Event,
    Failure,
    LimitReached,
    ModelFailed,
    ModelReplied,
    RunAccepted,
    RunFailed,
    RunPaused,
    RunStarted,
    ToolCallFinished,
)
from journeyman.events.fold import fold
from journeyman.events.messages import Usage, assistant
from journeyman.resilience.signals import BreakerChanged, CallRefused, Retried, RetryWithheld
from journeyman.server.observers import tool_durations
from journeyman.telemetry.metrics.collectors import MetricSources, collect
from journeyman.telemetry.metrics.exposition import Exposition
from journeyman.telemetry.metrics.instruments import MAX_LABEL_SETS, Distribution, Family
from journeyman.telemetry.metrics.recorders import LabelNames, RequestServed, RunMetrics, ServerMetrics
from journeyman.tools.registry import ToolRegistry

MOST_BREAKERS = 256  # of one guard


class Instrumented:
    """All parts that have metrics, wired as in the server."""

    def __init__(self) -> None:
        clock = ManualClock()
        self.registry = ToolRegistry()
        self.services = Services(clock=clock, rng=random.Random(1))
        self.gateway = self.services.gateway("http://gateway.example/v1").guard
        names = LabelNames(models=lambda agent: (f"model of {agent}",), is_service=self.services.is_configured)
        self.runs, self.server = RunMetrics(names), ServerMetrics(names)
        self._sources = MetricSources(
            version="0",
            tools=self.registry.get_metrics,
            tool_durations=lambda: tool_durations(self.registry),
            guards=self.services.configured,
            journal=dict,
            runs=lambda: {"running": 0, "waiting": 0, "streams": 0},
            lacking=dict,
            workers=dict,
            limits_away=lambda: False,
        )

    def families(self) -> list[Family]:
        return [*self.runs.read(), *self.server.read(), *collect(self._sources)]

    # --- Each of these reports one name

    def run(self, name: str) -> None:
        failure = Failure(name, "no")
        events: tuple[Event, ...] = (
            ModelReplied(call="m1", model=name, message=assistant("hi"), usage=Usage(1, 1, 1, 0.1)),
            ModelFailed(call="m1", error=failure),
            LimitReached(limit=name, value=1),
            ApprovalRequested(approval="a1", kind=name, call="m1.0"),
            RunPaused(waiting_for=("a1",)),
            RunFailed(error=failure),
        )
        accepted = RunAccepted(thread=f"{name}/t", principal=name, agent=name)
        state = fold("r1", [(1, 1, accepted), (2, 2, RunStarted(epoch=1))])
        self.runs.observe(state, [Codec().draft(event) for event in events])

    def request(self, name: str) -> None:
        self.server.served(RequestServed(name, name, 404, 0.1, name))

    def signal(self, name: str) -> None:
        for signal in (
            Retried(name, name, 1, name, 0.1),
            RetryWithheld(name, name, name),
            CallRefused("gateway", name, name, 1.0),
            BreakerChanged(name, name, "closed", "open"),
        ):
            self.server.signalled(signal)

    def tool(self, name: str) -> None:
        self.registry.record(ToolCallFinished(call="m1.0", call_id=name, tool=name, attempts=1))

    def origin(self, name: str) -> None:
        self.services.of_url(f"https://h{abs(hash(name))}.example/")


SOURCES: dict[str, Callable[[Instrumented, str], None]] = {
    "run": Instrumented.run,
    "request": Instrumented.request,
    "signal": Instrumented.signal,
    "tool": Instrumented.tool,
    "origin": Instrumented.origin,
}
FLOODS = st.lists(st.tuples(st.sampled_from(sorted(SOURCES)), st.text(max_size=8), st.integers(1, 1200)), max_size=4)


def flood(instrumented: Instrumented, floods: Iterable[tuple[str, str, int]], numbers: Iterable[int] = ()) -> None:
    fresh = iter(numbers or count())
    for way, word, times in floods:
        for _ in range(times):
            SOURCES[way](instrumented, f"{word}{next(fresh)}")


def series(families: Iterable[Family]) -> int:
    """Return the number of samples of a scrape."""
    total = 0
    for family in families:
        for value in family.samples.values():
            total += len(value.bounds) + 3 if isinstance(value, Distribution) else 1
    return total


@settings(max_examples=15)
@given(FLOODS)
def test_names_from_outside_never_exceed_the_limit_of_series(floods: list[tuple[str, str, int]]) -> None:
    instrumented = Instrumented()
    flood(instrumented, floods)
    for family in instrumented.families():
        assert len(family.samples) <= MAX_LABEL_SETS + 1, family.name


def test_a_flood_of_names_stops_at_the_limit_and_loses_no_count() -> None:
    instrumented, numbers = Instrumented(), count()
    everything = [(way, 'é"\\\n', MAX_LABEL_SETS + 100) for way in SOURCES]
    flood(instrumented, everything, numbers)
    before = {family.name: len(family.samples) for family in instrumented.families()}
    flood(instrumented, everything, numbers)
    after = {family.name: len(family.samples) for family in instrumented.families()}
    assert before == after
    assert max(after.values()) == MAX_LABEL_SETS + 1
    told = 2 * (MAX_LABEL_SETS + 100)
    assert sum(instrumented.runs.failed.read().samples.values()) == told  # type: ignore[arg-type]
    print(f"{series(instrumented.families())} series at most, after {told} names for each of {len(SOURCES)} ways")


async def test_a_gateway_has_a_limited_number_of_breakers() -> None:
    instrumented = Instrumented()

    async def fine(_: int) -> None:
        return None

    for number in range(3 * MOST_BREAKERS):
        await instrumented.gateway.call(fine, classify_idempotent, key=f"model-{number}")
    [states] = [each for each in instrumented.families() if each.name == "journeyman_breaker_state"]
    assert len(states.samples) == MOST_BREAKERS


async def test_a_scrape_can_be_read_with_any_label_value() -> None:
    instrumented = Instrumented()
    flood(instrumented, [(way, 'a"\\\n{}\u2028', 3) for way in SOURCES])
    body, _ = await Exposition(instrumented.families).render("")
    read = [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]
    assert len(read) >= series(instrumented.families())
