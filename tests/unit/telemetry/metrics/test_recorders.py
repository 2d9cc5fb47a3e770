"""Metrics count events, requests and signals exactly, under labels from limited sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.events.codec import Codec
from journeyman.events.events import (
    ApprovalRequested,
    BudgetWarned,
    Event,
    Failure,
    LimitReached,
    ModelFailed,
    ModelReplied,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
)
from journeyman.events.fold import AgentState, fold
from journeyman.events.messages import Usage, assistant
from journeyman.journal.sqlite.writer import GroupCommitted
from journeyman.resilience.signals import BreakerChanged, CallRefused, Retried, RetryWithheld, Signal
from journeyman.telemetry.metrics.instruments import (
    OTHER,
    Distribution,
    Family,
    Labels,
)
from journeyman.telemetry.metrics.recorders import LabelNames, RequestServed, RunMetrics, ServerMetrics

MODELS = {"support": ("gpt-5", "gpt-5-mini")}


NAMES = LabelNames(
    models=lambda agent: MODELS.get(agent or "", ()), is_service=lambda name: name in ("gateway", "shop")
)


def ran(*events: Event, agent: str | None = "support") -> RunMetrics:
    """Return the metrics after these events of one run, a second apart."""
    metrics = RunMetrics(NAMES)
    accepted = RunAccepted(thread="local/t", principal="local", agent=agent)
    facts = [(seq, seq * 1_000_000, event) for seq, event in enumerate((accepted, RunStarted(epoch=1), *events), 1)]
    codec = Codec()
    metrics.observe(fold("r1", facts), [codec.draft(event) for event in events])
    return metrics


def samples(families: Iterable[Family]) -> dict[str, dict[Labels, float]]:
    """Return name -> labels -> value, for a histogram its sum. Metrics whose values are all 0 are left out."""
    named = {family.name.removeprefix("journeyman_"): family.samples for family in families}
    read = {name: {labels: _number(value) for labels, value in each.items()} for name, each in named.items()}
    return {name: each for name, each in read.items() if any(each.values())}


def _number(value: float | Distribution) -> float:
    return value.total if isinstance(value, Distribution) else value


def test_a_run_that_finishes() -> None:
    usage = Usage(100, 20, 60, 0.5)
    metrics = ran(
        ModelReplied(call="m1", model="gpt-5-2026-01-01", message=assistant("hi"), usage=usage, latency_ms=1500),
        RunFinished(output="hi"),
    )
    assert samples(metrics.read()) == {
        "runs": {("support", "finished"): 1},
        "run_duration_seconds": {("support",): 2.0},
        "model_calls": {("gpt-5",): 1},
        "model_call_duration_seconds": {("gpt-5",): 1.5},
        "model_tokens": {("gpt-5", "input"): 100, ("gpt-5", "output"): 20, ("gpt-5", "cached"): 60},
        "model_cost_usd": {("gpt-5",): 0.5},
    }


@pytest.mark.parametrize(
    ("reported", "agent", "label"),
    [
        ("gpt-5-mini", "support", "gpt-5-mini"),  # a fallback answered
        ("offline", "support", "offline"),
        ("whatever the gateway says", "support", "gpt-5"),
        ("anything", "forgotten", OTHER),
    ],
)
def test_a_model_is_counted_under_its_configured_name(reported: str, agent: str, label: str) -> None:
    metrics = ran(ModelReplied(call="m1", model=reported, message=assistant("hi")), agent=agent)
    assert list(metrics.replies.read().samples) == [(label,)]


def test_a_run_that_does_not_finish() -> None:
    failure = Failure("gateway_timeout", "slow")
    failed = samples(ran(ModelFailed(call="m1", error=failure), RunFailed(error=failure)).read())
    assert failed["model_errors"] == {("gpt-5", "gateway_timeout"): 1}
    assert failed["run_failures"] == {("support", "gateway_timeout"): 1}
    assert failed["runs"] == {("support", "failed"): 1}
    assert samples(ran(RunCancelled(), agent=None).read())["runs"] == {("(none)", "cancelled"): 1}


def test_events_before_the_end_are_counted() -> None:
    metrics = ran(
        ApprovalRequested(approval="a1", kind="tool", call="m1.0"),
        RunPaused(waiting_for=("a1",)),
        RunResumed(epoch=1),
        RunResumed(epoch=2, reason="taken_over"),
        LimitReached(limit="steps", value=25),
    )
    assert samples(metrics.read()) == {
        "approvals_requested": {("tool",): 1},
        "run_pauses": {("support",): 1},
        "runs_taken_over": {(): 1},
        "run_limits_reached": {("support", "steps"): 1},
    }


def test_a_counter_without_labels_starts_at_zero() -> None:
    """Prometheus sees the first increment only as a step from 0."""
    assert RunMetrics(NAMES).taken_over.read().samples == {(): 0.0}
    warned = RunMetrics(NAMES).warned.read().samples
    assert (len(warned), set(warned.values())) == (6, {0.0})


@pytest.mark.parametrize(
    ("budget", "labels"),
    [
        ("tokens_per_day key:k1", ("tokens_per_day", "key")),
        ("usd_per_day principal:key:ann", ("usd_per_day", "principal")),
        ("of an older release", (OTHER, OTHER)),
    ],
)
def test_a_budget_warning_is_counted_without_its_owners_name(budget: str, labels: Labels) -> None:
    read = ran(BudgetWarned(budget=budget, used=9, limit=10)).warned.read().samples
    assert read[labels] == 1


def test_requests_by_template_and_class() -> None:
    metrics = ServerMetrics(NAMES)
    for fact in (
        RequestServed("GET", "/runs/{run_id}", 200, 0.5),
        RequestServed("GET", "/runs/{run_id}", 204, 0.25),
        RequestServed("BREW", "", 404, 0.0),
        RequestServed("POST", "/process", 0, 3.0),
        RequestServed("GET", "/runs", 429, 0.0, "rate_limited"),
    ):
        metrics.served(fact)
    read = samples(metrics.read())
    assert read["http_requests"] == {
        ("GET", "/runs/{run_id}", "2xx"): 2,
        (OTHER, OTHER, "4xx"): 1,
        ("POST", "/process", "gone"): 1,
        ("GET", "/runs", "4xx"): 1,
    }
    assert read["http_problems"] == {("rate_limited",): 1}
    assert read["http_request_duration_seconds"]["GET", "/runs/{run_id}"] == 0.75


def test_signals_of_guards_and_commits() -> None:
    metrics = ServerMetrics(NAMES)
    signals: Sequence[Signal] = (
        Retried("gateway", "gpt-5", 1, "gateway_timeout", 0.5),
        RetryWithheld("shop", "", "service_failed"),
        CallRefused("https://any.example", "", "service_circuit_open", 1.0),
        CallRefused("https://other.example", "", "service_circuit_open", 1.0),
        BreakerChanged("gateway", "gpt-5", "closed", "open"),
    )
    for signal in signals:
        metrics.signalled(signal)
    metrics.committed(GroupCommitted(batches=2, events=7, seconds=0.002))
    assert samples(metrics.read()) == {
        "guard_retries": {("gateway", "gateway_timeout"): 1},
        "guard_retries_withheld": {("shop",): 1},
        "guard_refusals": {(OTHER, "service_circuit_open"): 2},
        "breaker_changes": {("gateway", "open"): 1},
        "journal_commit_duration_seconds": {(): 0.002},
        "journal_commit_events": {(): 7},
    }


WORDS = st.text(max_size=8)


FACTS = st.one_of(
    st.builds(RequestServed, WORDS, WORDS, st.integers(0, 999), st.floats(0, 10)),
    st.builds(Retried, WORDS, WORDS, st.just(1), WORDS, st.just(0.1)),
    st.builds(CallRefused, WORDS, WORDS, WORDS, st.just(1.0)),
)


@given(st.lists(FACTS, max_size=60))
def test_names_from_outside_make_no_labels(facts: list[RequestServed | Retried | CallRefused]) -> None:
    """Any caller can invent methods and origins. Routes are templates and codes are ours, so these are limited."""
    metrics = ServerMetrics(NAMES)
    for fact in facts:
        metrics.served(fact) if isinstance(fact, RequestServed) else metrics.signalled(fact)
    read = {family.name: family for family in metrics.read()}
    methods = {labels[0] for labels in read["journeyman_http_requests"].samples}
    guards = {labels[0] for name in ("retries", "refusals") for labels in read[f"journeyman_guard_{name}"].samples}
    assert methods <= {"GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", OTHER}
    assert guards <= {"gateway", "shop", OTHER}


def test_a_state_that_is_ahead_of_the_batch_changes_nothing() -> None:
    """The next batch is applied before this one is committed."""
    metrics = RunMetrics(NAMES)
    metrics.observe(AgentState(run_id="r1", agent="support"), [Codec().draft(RunFinished())])
    assert list(metrics.ended.read().samples) == [("support", "finished")]
