"""Updates the metrics of runs, model calls, requests, guards and commits from what happened to them.

Events arrive after their commit; requests, signals and commits are reported by the parts that make them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from journeyman.events.codec import Draft
from journeyman.events.events import (
    ApprovalRequested,
    BudgetWarned,
    HistorySummarized,
    LimitReached,
    ModelFailed,
    ModelReplied,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
)
from journeyman.events.fold import AgentState
from journeyman.journal.sqlite.writer import GroupCommitted
from journeyman.resilience.signals import BreakerChanged, CallRefused, Retried, RetryWithheld, Signal
from journeyman.telemetry.metrics.instruments import OTHER, Counter, Family, Histogram

NO_AGENT = "(none)"  # label of a tool call without an agent
OFFLINE = "offline"
BUDGETS = ("tokens_per_day", "usd_per_day")
OWNERS = ("principal", "key", "agent")
METHODS = frozenset({"GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"})
COMMIT_BOUNDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)  # events
LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)  # seconds
_STATUS: dict[type[Any], str] = {RunFinished: "finished", RunFailed: "failed", RunCancelled: "cancelled"}


class RequestServed(msgspec.Struct, frozen=True):
    """A request whose response has begun.

    `route` is the route's template, or "" if none matched. `status` is 0 if the client disconnected before the
    response. `code` is the error code of the response, or "" if it is no error.
    """

    method: str
    route: str
    status: int
    seconds: float
    code: str = ""


class LabelNames(msgspec.Struct, frozen=True):
    """The names that may be label values, so that there is a limited set of them. Others become `(other)`."""

    models: Callable[[str | None], Sequence[str]]  # agent name -> its models, the configured one first
    is_service: Callable[[str], bool]  # whether a guard belongs to a configured service


class RunMetrics:
    """The metrics of runs, updated by their committed events."""

    def __init__(self, names: LabelNames) -> None:
        self._names = names
        self.ended = Counter("journeyman_runs", "Runs that ended.", "agent", "status")
        self.failed = Counter("journeyman_run_failures", "Runs that failed, by error code.", "agent", "code")
        self.seconds = Histogram(
            "journeyman_run_duration_seconds", "Working time of a run, without pauses and down time.", "agent"
        )
        self.limits = Counter("journeyman_run_limits_reached", "Runs that reached a limit.", "agent", "limit")
        self.warned = Counter(
            "journeyman_budget_warnings",
            "Shared budgets of which four fifths are used.",
            "limit",
            "of",
            known=[(limit, owner) for limit in BUDGETS for owner in OWNERS],
        )
        self.pauses = Counter("journeyman_run_pauses", "Times that a run began to wait for a human.", "agent")
        self.taken_over = Counter("journeyman_runs_taken_over", "Runs resumed after a crash or restart.")
        self.approvals = Counter("journeyman_approvals_requested", "Approvals requested.", "kind")
        self.replies = Counter("journeyman_model_calls", "Model calls that were answered.", "model")
        self.errors = Counter("journeyman_model_errors", "Model calls that failed, by error code.", "model", "code")
        self.latency = Histogram("journeyman_model_call_duration_seconds", "Time of an answered model call.", "model")
        self.tokens = Counter(
            "journeyman_model_tokens", "Tokens: input, output, cached (part of input).", "model", "type"
        )
        self.cost = Counter("journeyman_model_cost_usd", "Cost in US dollars, where it is known.", "model")
        self._handlers: dict[type[Any], Callable[[AgentState, Any], None]] = {
            ModelReplied: self._model_replied,
            ModelFailed: self._model_failed,
            HistorySummarized: self._history_summarized,
            RunFinished: self._run_ended,
            RunFailed: self._run_failed,
            RunCancelled: self._run_ended,
            RunPaused: self._run_paused,
            RunResumed: self._run_resumed,
            LimitReached: self._limit_reached,
            ApprovalRequested: self._approval_requested,
            BudgetWarned: self._budget_warned,
        }

    def observe(self, run: AgentState, drafts: Sequence[Draft]) -> None:
        """Count committed events of `run`, whose state may already be further."""
        for draft in drafts:
            handler = self._handlers.get(type(draft.event))
            if handler is not None:
                handler(run, draft.event)

    def read(self) -> list[Family]:
        """Return the current values of all metrics."""
        return _read_all(self)

    def _history_summarized(self, run: AgentState, event: HistorySummarized) -> None:
        if event.error is not None:
            self.errors.add((self._model(run, event.model), event.error.code))
        if event.model:
            self._model_replied(run, event)

    def _model_replied(self, run: AgentState, event: ModelReplied | HistorySummarized) -> None:
        model = (self._model(run, event.model),)
        self.replies.add(model)
        self.latency.observe(event.latency_ms / 1000, model)
        usage = event.usage
        self.tokens.add((*model, "input"), usage.input_tokens)
        self.tokens.add((*model, "output"), usage.output_tokens)
        if usage.cached_tokens:
            self.tokens.add((*model, "cached"), usage.cached_tokens)
        if usage.cost_usd is not None:
            self.cost.add(model, usage.cost_usd)

    def _model_failed(self, run: AgentState, event: ModelFailed) -> None:
        self.errors.add((self._model(run, ""), event.error.code))

    def _model(self, run: AgentState, reported: str) -> str:
        """Return the label of a model: a configured name, since a gateway may report any other."""
        names = self._names.models(run.agent)
        if reported in names or reported == OFFLINE:
            return reported
        return names[0] if names else OTHER

    def _run_ended(self, run: AgentState, event: RunFinished | RunFailed | RunCancelled) -> None:
        agent = run.agent or NO_AGENT
        self.ended.add((agent, _STATUS[type(event)]))
        self.seconds.observe(run.active_us / 1_000_000, (agent,))

    def _run_failed(self, run: AgentState, event: RunFailed) -> None:
        self.failed.add((run.agent or NO_AGENT, event.error.code))
        self._run_ended(run, event)

    def _run_paused(self, run: AgentState, event: RunPaused) -> None:
        if event.waiting_for or event.lacks is None:
            self.pauses.add((run.agent or NO_AGENT,))

    def _run_resumed(self, run: AgentState, event: RunResumed) -> None:
        if event.reason == "taken_over":
            self.taken_over.add()

    def _limit_reached(self, run: AgentState, event: LimitReached) -> None:
        self.limits.add((run.agent or NO_AGENT, event.limit))

    def _budget_warned(self, run: AgentState, event: BudgetWarned) -> None:
        limit, _, scope = event.budget.partition(" ")
        owner = scope.partition(":")[0]
        self.warned.add((limit if limit in BUDGETS else OTHER, owner if owner in OWNERS else OTHER))

    def _approval_requested(self, run: AgentState, event: ApprovalRequested) -> None:
        self.approvals.add((event.kind,))


class ServerMetrics:
    """The metrics of requests, guards, commits and the event loop. `lag` is updated by a LoopLag."""

    def __init__(self, names: LabelNames) -> None:
        self._names = names
        self.requests = Counter("journeyman_http_requests", "Requests, by status class.", "method", "route", "status")
        self.seconds = Histogram(
            "journeyman_http_request_duration_seconds", "Time until the response began.", "method", "route"
        )
        self.problems = Counter("journeyman_http_problems", "Requests answered with an error, by its code.", "code")
        self.connections = Counter(
            "journeyman_connections_refused", "Connections refused, or closed for others.", "reason"
        )
        self.retries = Counter("journeyman_guard_retries", "Outgoing calls that were repeated.", "guard", "code")
        self.withheld = Counter(
            "journeyman_guard_retries_withheld", "Retries not made, because the retry budget was spent.", "guard"
        )
        self.refused = Counter("journeyman_guard_refusals", "Outgoing calls that a guard refused.", "guard", "code")
        self.breakers = Counter("journeyman_breaker_changes", "State changes of circuit breakers.", "guard", "state")
        self.commit_seconds = Histogram("journeyman_journal_commit_duration_seconds", "Time of one group commit.")
        self.commit_events = Histogram(
            "journeyman_journal_commit_events", "Events in one group commit.", bounds=COMMIT_BOUNDS
        )
        self.lag = Histogram(
            "journeyman_event_loop_lag_seconds", "How late a timer of the event loop was.", bounds=LAG_BOUNDS
        )

    def served(self, request: RequestServed) -> None:
        """Count a request."""
        method = request.method if request.method in METHODS else OTHER
        route = request.route or OTHER
        self.requests.add((method, route, f"{request.status // 100}xx" if request.status else "gone"))
        self.seconds.observe(request.seconds, (method, route))
        if request.code:
            self.problems.add((request.code,))

    def connection_refused(self, reason: str) -> None:
        """Count a connection that got no place, or made room for another one."""
        self.connections.add((reason,))

    def signalled(self, signal: Signal) -> None:
        """Count a guard's signal."""
        guard = signal.guard if self._names.is_service(signal.guard) else OTHER
        match signal:
            case Retried(code=code):
                self.retries.add((guard, code))
            case RetryWithheld():
                self.withheld.add((guard,))
            case CallRefused(code=code):
                self.refused.add((guard, code))
            case BreakerChanged(state=state):
                self.breakers.add((guard, state))

    def committed(self, commit: GroupCommitted) -> None:
        """Count a group commit of the journal."""
        self.commit_seconds.observe(commit.seconds)
        self.commit_events.observe(commit.events)

    def read(self) -> list[Family]:
        """Return the current values of all metrics."""
        return _read_all(self)


def _read_all(metrics: RunMetrics | ServerMetrics) -> list[Family]:
    return [metric.read() for metric in vars(metrics).values() if isinstance(metric, Counter | Histogram)]
