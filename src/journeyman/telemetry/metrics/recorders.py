"""What is counted of runs, model calls, requests, guards and commits: folds over the facts that they tell of.

Nothing here is called by the loop itself: the facts come after their commit, or from hooks of the parts.
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

_STATUS: dict[type[Any], str] = {RunFinished: "finished", RunFailed: "failed", RunCancelled: "cancelled"}
NO_AGENT = "(none)"  # a lone tool call
OFFLINE = "offline"
BUDGETS = ("tokens_per_day", "usd_per_day")
OWNERS = ("principal", "key", "agent")
METHODS = frozenset({"GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"})
EVENTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)  # of one commit
LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)  # seconds


class RequestServed(msgspec.Struct, frozen=True):
    """An answer began. `route` is the template, "" where none matched; `status` 0: the client went away before.

    `code` is that of the error it was answered with; "": with none.
    """

    method: str
    route: str
    status: int
    seconds: float
    code: str = ""


class LabelNames(msgspec.Struct, frozen=True):
    """Which names may be labels: the finite sets. What is not among them is `(other)`."""

    models: Callable[[str | None], Sequence[str]]  # an agent's name -> its models, the configured one first
    is_service: Callable[[str], bool]  # is a guard's name that of a configured service?


class RunMetrics:
    """Folds over the events of runs, told after their commit."""

    def __init__(self, names: LabelNames) -> None:
        self._names = names
        self.ended = Counter("journeyman_runs", "Runs that ended.", "agent", "status")
        self.failed = Counter("journeyman_run_failures", "Runs that failed, by error code.", "agent", "code")
        self.seconds = Histogram(
            "journeyman_run_duration_seconds", "Working time of a run: no pauses, no down time.", "agent"
        )
        self.limits = Counter("journeyman_run_limits_reached", "Runs that ran into a limit.", "agent", "limit")
        self.warned = Counter(
            "journeyman_budget_warnings",
            "Shared budgets of which four fifths were used.",
            "limit",
            "of",
            known=[(limit, of) for limit in BUDGETS for of in OWNERS],
        )
        self.pauses = Counter("journeyman_run_pauses", "Times that a run began to wait for a human.", "agent")
        self.taken_over = Counter("journeyman_runs_taken_over", "Runs resumed after the process before died.")
        self.approvals = Counter("journeyman_approvals_requested", "Approvals asked for.", "kind")
        self.replies = Counter("journeyman_model_calls", "Model calls that were answered.", "model")
        self.errors = Counter("journeyman_model_errors", "Model calls that failed, by error code.", "model", "code")
        self.latency = Histogram("journeyman_model_call_duration_seconds", "Time of an answered model call.", "model")
        self.tokens = Counter(
            "journeyman_model_tokens", "Tokens: input, output, cached (part of input).", "model", "type"
        )
        self.cost = Counter("journeyman_model_cost_usd", "Dollars, where the gateway says them.", "model")
        self._folds: dict[type[Any], Callable[[AgentState, Any], None]] = {
            ModelReplied: self._replied,
            ModelFailed: self._model_failed,
            HistorySummarized: self._summarized,
            RunFinished: self._ended,
            RunFailed: self._run_failed,
            RunCancelled: self._ended,
            RunPaused: self._paused,
            RunResumed: self._resumed,
            LimitReached: self._limit,
            ApprovalRequested: self._asked,
            BudgetWarned: self._warned,
        }

    def observe(self, run: AgentState, drafts: Sequence[Draft]) -> None:
        """Count what was committed of `run`; the state may be ahead of it."""
        for draft in drafts:
            fold = self._folds.get(type(draft.event))
            if fold is not None:
                fold(run, draft.event)

    def read(self) -> list[Family]:
        return [each.read() for each in vars(self).values() if isinstance(each, Counter | Histogram)]

    def _summarized(self, run: AgentState, event: HistorySummarized) -> None:
        if event.error is not None:
            self.errors.add((self._model(run, event.model), event.error.code))
        if event.model:
            self._replied(run, event)

    def _replied(self, run: AgentState, event: ModelReplied | HistorySummarized) -> None:
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

    def _model(self, run: AgentState, said: str) -> str:
        """The configured name: a gateway may answer with any other."""
        names = self._names.models(run.agent)
        if said in names or said == OFFLINE:
            return said
        return names[0] if names else OTHER

    def _ended(self, run: AgentState, event: RunFinished | RunFailed | RunCancelled) -> None:
        agent = run.agent or NO_AGENT
        self.ended.add((agent, _STATUS[type(event)]))
        self.seconds.observe(run.active_us / 1_000_000, (agent,))

    def _run_failed(self, run: AgentState, event: RunFailed) -> None:
        self.failed.add((run.agent or NO_AGENT, event.error.code))
        self._ended(run, event)

    def _paused(self, run: AgentState, event: RunPaused) -> None:
        self.pauses.add((run.agent or NO_AGENT,))

    def _resumed(self, run: AgentState, event: RunResumed) -> None:
        if event.reason == "taken_over":
            self.taken_over.add()

    def _limit(self, run: AgentState, event: LimitReached) -> None:
        self.limits.add((run.agent or NO_AGENT, event.limit))

    def _warned(self, run: AgentState, event: BudgetWarned) -> None:
        limit, _, whose = event.budget.partition(" ")
        of = whose.partition(":")[0]
        self.warned.add((limit if limit in BUDGETS else OTHER, of if of in OWNERS else OTHER))

    def _asked(self, run: AgentState, event: ApprovalRequested) -> None:
        self.approvals.add((event.kind,))


class ServerMetrics:
    """Folds over requests, the guards' signals, commits, and looks at the event loop."""

    def __init__(self, names: LabelNames) -> None:
        self._names = names
        self.requests = Counter("journeyman_http_requests", "Requests, by status class.", "method", "route", "status")
        self.seconds = Histogram(
            "journeyman_http_request_duration_seconds", "Time until the answer began.", "method", "route"
        )
        self.problems = Counter("journeyman_http_problems", "Requests answered with an error, by its code.", "code")
        self.retries = Counter("journeyman_guard_retries", "Calls out that were tried again.", "guard", "code")
        self.withheld = Counter("journeyman_guard_retries_withheld", "Retries not made: the budget is spent.", "guard")
        self.refused = Counter("journeyman_guard_refusals", "Calls out that a guard refused.", "guard", "code")
        self.breakers = Counter("journeyman_breaker_changes", "State changes of breakers.", "guard", "state")
        self.commit_seconds = Histogram("journeyman_journal_commit_duration_seconds", "Time of one group commit.")
        self.commit_events = Histogram(
            "journeyman_journal_commit_events", "Events that one group commit gathered.", bounds=EVENTS
        )
        self.lag = Histogram("journeyman_event_loop_lag_seconds", "How late a timer of the event loop was.", bounds=LAG)

    def served(self, fact: RequestServed) -> None:
        method = fact.method if fact.method in METHODS else OTHER
        route = fact.route or OTHER
        self.requests.add((method, route, f"{fact.status // 100}xx" if fact.status else "gone"))
        self.seconds.observe(fact.seconds, (method, route))
        if fact.code:
            self.problems.add((fact.code,))

    def signalled(self, signal: Signal) -> None:
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

    def committed(self, fact: GroupCommitted) -> None:
        self.commit_seconds.observe(fact.seconds)
        self.commit_events.observe(fact.events)

    def read(self) -> list[Family]:
        return [each.read() for each in vars(self).values() if isinstance(each, Counter | Histogram)]
