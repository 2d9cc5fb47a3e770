"""Budgets that runs share: the tokens and dollars of a day, of a principal, an API key or an agent.

Something is set aside before each model call and the rest given back after it. This process alone writes the journal,
so what it holds here is what is under way; what was used stands in the journal and outlives the process.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from journeyman.clock import Clock
from journeyman.errors import ResourceError
from journeyman.events.charging import charge
from journeyman.events.events import BudgetWarned, HistorySummarized, LimitReached, ModelFailed, ModelReplied
from journeyman.events.quota import UNLIMITED, Quota, Reservation
from journeyman.journal.journal import Journal, MostRuns, Owner

WARN_AT = 0.8  # of a budget
MOST_KEPT = 10_000  # budgets in memory; what is not held is read again from the journal
DAY_US = 86_400_000_000
_NOUNS = {"tokens_per_day": "tokens", "usd_per_day": "dollars"}


@dataclass(frozen=True, slots=True)
class QuotaScope:
    """An owner of runs, and what its runs may use together."""

    owner: Owner
    name: str
    quota: Quota

    @property
    def budget(self) -> str:
        return f"{self.owner}:{self.name}"


@dataclass(slots=True)
class _Budget:
    """One budget on one day. What is held is not used yet."""

    day: int
    tokens: float
    cost_usd: float
    held_tokens: float = 0
    held_usd: float = 0.0
    holders: int = 0
    warned: set[str] = field(default_factory=set)

    def measures(self, quota: Quota) -> list[tuple[str, float, float, float]]:
        """What the quota bounds: its name, the limit, what is used, what is held."""
        tokens = ("tokens_per_day", quota.tokens_per_day, self.tokens, self.held_tokens)
        dollars = ("usd_per_day", quota.usd_per_day, self.cost_usd, self.held_usd)
        return [(name, limit, used, held) for name, limit, used, held in (tokens, dollars) if limit is not None]

    def hold(self, reserved: Reservation) -> None:
        self.holders += 1
        self.held_tokens += reserved.tokens
        self.held_usd += reserved.cost_usd

    def charge(self, reserved: Reservation, tokens: float, cost_usd: float) -> None:
        """Give back what was held and add what was used."""
        self.holders -= 1
        self.held_tokens -= reserved.tokens
        self.held_usd = self.held_usd - reserved.cost_usd if self.holders else 0.0
        self.tokens += tokens
        self.cost_usd += cost_usd

    def has_room(self, quota: Quota) -> bool:
        """May another call begin? The one that crosses the limit is the last: it is passed by one estimate at most."""
        return all(used + held < limit for _, limit, used, held in self.measures(quota))


class BudgetReservation:
    """What is set aside for one model call. Leaving it without `settle` charges the estimate."""

    def __init__(self, budgets: Sequence[_Budget], reservation: Reservation, freed: Callable[[], None]) -> None:
        self.reservation = reservation
        self.warnings: tuple[BudgetWarned, ...] = ()
        self._budgets = budgets
        self._freed = freed
        self._settled = False
        for budget in budgets:
            budget.hold(reservation)

    def settle(self, event: ModelReplied | ModelFailed | HistorySummarized | None) -> None:
        """Charge what the call has cost; once."""
        if self._settled:
            return
        self._settled = True
        tokens, cost_usd = charge(self.reservation, event)
        for budget in self._budgets:
            budget.charge(self.reservation, tokens, cost_usd)
        self._freed()

    def __enter__(self) -> BudgetReservation:
        return self

    def __exit__(self, *exc: object) -> None:
        self.settle(None)


class Budgets:
    """The shared budgets of this process. `of_each`: the quota that every principal has."""

    def __init__(self, journal: Journal, clock: Clock, of_each: Quota = UNLIMITED) -> None:
        self._journal = journal
        self._clock = clock
        self._of_each = of_each
        self._kept: dict[str, _Budget] = {}
        self._loading = asyncio.Lock()
        self._freed = asyncio.Event()

    def scopes(self, principal: str, agent: str | None, of_agent: Quota) -> list[QuotaScope]:
        """Whose quotas bound a run of this principal and agent; its API key is asked for by `scope_of_key`."""
        found = [QuotaScope("principal", principal, self._of_each)]
        if agent is not None:
            found.append(QuotaScope("agent", agent, of_agent))
        return [share for share in found if share.quota != UNLIMITED]

    async def scope_of_key(self, id: str) -> QuotaScope:
        row = await self._journal.api_key(id)
        return QuotaScope("key", id, row.quota if row is not None else UNLIMITED)

    async def check(self, shares: Sequence[QuotaScope]) -> None:
        """Raises ResourceError (`quota_exhausted`) where nothing is left of this day."""
        spent = await self._spent(shares)
        if spent is not None:
            left = DAY_US - self._clock.now() % DAY_US
            owner = spent.budget.partition(":")[0]
            text = f"This {owner} has used up its {_NOUNS[spent.limit]} of the day ({spent.value:g})"
            until = f"{text}: the next begins at midnight UTC, or its quota can be raised."
            raise ResourceError(until, code="quota_exhausted", retry_after=math.ceil(left / 1_000_000))

    async def reserve(
        self, shares: Sequence[QuotaScope], tokens: int, cost_usd: float
    ) -> BudgetReservation | LimitReached:
        """Hold the estimate of one model call of every budget, as soon as all have room for another.

        It waits only for calls that are under way, each of which has a bound. LimitReached: one is used up.
        """
        while (spent := await self._spent(shares)) is None:
            found = [(share, self._kept[share.budget]) for share in shares]
            if all(budget.has_room(share.quota) for share, budget in found):
                return self._hold(found, tokens, cost_usd)
            await self._freed.wait()
        return spent

    def _hold(self, found: Sequence[tuple[QuotaScope, _Budget]], tokens: int, cost_usd: float) -> BudgetReservation:
        names = tuple(share.budget for share, _ in found)
        reserved = Reservation(names, found[0][1].day, tokens, cost_usd)
        held = BudgetReservation([budget for _, budget in found], reserved, self._wake)
        held.warnings = tuple(warning for share, budget in found for warning in _warnings(share, budget))
        return held

    async def _spent(self, shares: Sequence[QuotaScope]) -> LimitReached | None:
        """The first budget of which nothing is left. Afterwards all of them are in memory, with today's figures."""
        day = self._clock.now() // DAY_US
        await self._load([share.budget for share in shares], day)
        for share in shares:
            for limit, value, used, _ in self._kept[share.budget].measures(share.quota):
                if used >= value:
                    return LimitReached(limit=limit, value=value, budget=share.budget)
        return None

    async def _load(self, names: Sequence[str], day: int) -> None:
        async with self._loading:
            for name in names:
                known = self._kept.get(name)
                if known is None or known.day < day:
                    self._kept[name] = _Budget(day, *await self._journal.used(name, day))
            if len(self._kept) > MOST_KEPT:
                idle = [name for name, budget in self._kept.items() if not budget.holders and name not in names]
                for name in idle[: MOST_KEPT // 10]:
                    del self._kept[name]

    def _wake(self) -> None:
        """Something was given back: those that wait look again."""
        self._freed.set()
        self._freed = asyncio.Event()

    def state(self, limit: int) -> dict[str, dict[str, float]]:
        """The budgets in memory, for whoever looks into the process."""
        return {
            name: {
                "tokens": budget.tokens,
                "cost_usd": round(budget.cost_usd, 6),
                "held_tokens": budget.held_tokens,
                "held_usd": round(budget.held_usd, 6),
            }
            for name, budget in list(self._kept.items())[:limit]
        }


def _warnings(share: QuotaScope, budget: _Budget) -> list[BudgetWarned]:
    """What is to be said of a budget that is nearly used up, once."""
    said = []
    for name, limit, used, held in budget.measures(share.quota):
        if name not in budget.warned and used + held >= WARN_AT * limit:
            budget.warned.add(name)
            said.append(BudgetWarned(budget=f"{name} {share.budget}", used=round(used + held, 6), limit=limit))
    return said


def most_runs(shares: Sequence[QuotaScope]) -> tuple[MostRuns, ...]:
    """What the quotas say of runs at one time."""
    return tuple(
        MostRuns(share.owner, share.name, share.quota.concurrent_runs)
        for share in shares
        if share.quota.concurrent_runs is not None
    )
