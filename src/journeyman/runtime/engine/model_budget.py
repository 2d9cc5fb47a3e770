"""Meters the model calls of a run: estimates their cost and reserves it from the budgets that the run shares."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from journeyman.agents.history_window import estimated_tokens
from journeyman.events.events import LimitReached
from journeyman.events.fold import AgentState
from journeyman.events.messages import Usage
from journeyman.events.model_request import ModelRequest
from journeyman.events.quota import Quota
from journeyman.llm.prices import Prices
from journeyman.runtime.engine.budgets import BudgetReservation, Budgets, QuotaScope

log = logging.getLogger(__name__)

REPLY_TOKENS = 4096  # the estimate for a reply whose request has no max_tokens
MOST_UNPRICED = 1000  # models without a price that are remembered, so that each is logged once
_CHARACTERS = 3  # of JSON for a token, rather too few


class BudgetMeters:
    """What the budget meters of all runs of this process share: the budgets and the prices of models."""

    def __init__(self, budgets: Budgets, prices: Prices) -> None:
        self.budgets = budgets
        self._prices = prices
        self._unpriced: set[str] = set()

    def estimate(self, request: ModelRequest) -> tuple[int, float]:
        """Return the tokens and dollars that a call may cost, rather too many than too few.

        Dollars are 0 for models without a price.
        """
        read = sum(map(estimated_tokens, request.messages))
        if request.tools or request.response_schema:
            read += len(msgspec.json.encode((request.tools, request.response_schema))) // _CHARACTERS
        usage = Usage(read, REPLY_TOKENS if request.max_tokens is None else request.max_tokens)
        models = (request.model, *request.fallbacks)
        return usage.input_tokens + usage.output_tokens, max(self._dollars(model, usage) for model in models)

    def _dollars(self, model: str, usage: Usage) -> float:
        price = self._prices.of(model)
        if price is not None:
            return price.of(usage)
        if model not in self._unpriced and len(self._unpriced) < MOST_UNPRICED:
            self._unpriced.add(model)
            log.warning("no price is known for model %s: its dollars count only if the gateway reports them", model)
        return 0.0


class BudgetMeter:
    """Reserves the cost of one run's model calls from the budgets that it shares with other runs."""

    def __init__(self, meters: BudgetMeters, scopes: Sequence[QuotaScope]) -> None:
        self._meters = meters
        self._scopes = [scope for scope in scopes if scope.quota.is_daily]

    @classmethod
    async def of(cls, meters: BudgetMeters, state: AgentState, of_agent: Quota) -> BudgetMeter:
        """Return the meter of a run. `of_agent` is the quota of its agent."""
        scopes = meters.budgets.scopes(state.principal, state.agent, of_agent)
        if state.key is not None:
            scopes.append(await meters.budgets.scope_of_key(state.key))
        return cls(meters, scopes)

    @property
    def shared(self) -> bool:
        """Whether the run shares a budget with other runs, so that calls must be reserved."""
        return bool(self._scopes)

    async def reserve(self, request: ModelRequest) -> BudgetReservation | LimitReached:
        """Reserve what a call may cost, as soon as every budget has room for it.

        Returns LimitReached if a budget is used up.
        """
        return await self._meters.budgets.reserve(self._scopes, *self._meters.estimate(request))
