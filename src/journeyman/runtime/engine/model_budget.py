"""How the model calls of one run are paid for: what each is set aside of the budgets that the run shares."""

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

REPLY_TOKENS = 4096  # of a reply whose request has no max_tokens: an estimate, not a bound
MOST_UNPRICED = 1000
_CHARACTERS = 3  # of JSON for a token, rather too few


class BudgetMeters:
    """Takes payment for the model calls of all runs of this process."""

    def __init__(self, budgets: Budgets, prices: Prices) -> None:
        self.budgets = budgets
        self._prices = prices
        self._unpriced: set[str] = set()

    def estimate(self, request: ModelRequest) -> tuple[int, float]:
        """Tokens and dollars of a call, rather too many than too few; no dollars where nobody knows a price."""
        read = sum(map(estimated_tokens, request.messages))
        if request.tools or request.response_schema:
            read += len(msgspec.json.encode((request.tools, request.response_schema))) // _CHARACTERS
        usage = Usage(read, REPLY_TOKENS if request.max_tokens is None else request.max_tokens)
        return usage.input_tokens + usage.output_tokens, max(
            self._dollars(model, usage) for model in (request.model, *request.fallbacks)
        )

    def _dollars(self, model: str, usage: Usage) -> float:
        price = self._prices.of(model)
        if price is not None:
            return price.of(usage)
        if model not in self._unpriced and len(self._unpriced) < MOST_UNPRICED:
            self._unpriced.add(model)
            log.warning("nobody said what %s costs: dollars are counted only if the gateway says them", model)
        return 0.0


class BudgetMeter:
    """The budgets that pay for one run; none: it shares none with others, and nothing needs to be set aside."""

    def __init__(self, meters: BudgetMeters, shares: Sequence[QuotaScope]) -> None:
        self._meters = meters
        self._shares = [share for share in shares if share.quota.is_daily]

    @classmethod
    async def of(cls, meters: BudgetMeters, state: AgentState, of_agent: Quota) -> BudgetMeter:
        """`of_agent`: the quota of the run's agent."""
        shares = meters.budgets.scopes(state.principal, state.agent, of_agent)
        if state.key is not None:
            shares.append(await meters.budgets.scope_of_key(state.key))
        return cls(meters, shares)

    @property
    def shared(self) -> bool:
        return bool(self._shares)

    async def reserve(self, request: ModelRequest) -> BudgetReservation | LimitReached:
        """Hold what the call may cost, as soon as there is room for it. LimitReached: a budget is used up."""
        return await self._meters.budgets.reserve(self._shares, *self._meters.estimate(request))
