"""The daily budgets that runs share: tokens and dollars of a principal, an API key or an agent.

The cost of a model call is reserved before the call and settled after it. Reservations are kept in memory, since only
this process writes to the journal; what was used is read from the journal and outlives the process.
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
MOST_KEPT = 10_000  # budgets in memory; the others are read again from the journal
DAY_US = 86_400_000_000
_NOUNS = {"tokens_per_day": "tokens", "usd_per_day": "dollars"}


@dataclass(frozen=True, slots=True)
class QuotaScope:
    """An owner of runs, and the quota that all of its runs share."""

    owner: Owner
    name: str
    quota: Quota

    @property
    def budget(self) -> str:
        """The name of the owner's budget in events and in the journal, such as `principal:ann`."""
        return f"{self.owner}:{self.name}"


@dataclass(slots=True)
class _Budget:
    """What is used and what is reserved of one owner's budget on one day."""

    day: int
    tokens: float
    cost_usd: float
    reserved_tokens: float = 0
    reserved_usd: float = 0.0
    reservations: int = 0
    warned: set[str] = field(default_factory=set)

    def measures(self, quota: Quota) -> list[tuple[str, float, float, float]]:
        """Return what the quota limits, each as its name, the limit, what is used and what is reserved."""
        tokens = ("tokens_per_day", quota.tokens_per_day, self.tokens, self.reserved_tokens)
        dollars = ("usd_per_day", quota.usd_per_day, self.cost_usd, self.reserved_usd)
        return [(name, limit, used, reserved) for name, limit, used, reserved in (tokens, dollars) if limit is not None]

    def reserve(self, reservation: Reservation) -> None:
        self.reservations += 1
        self.reserved_tokens += reservation.tokens
        self.reserved_usd += reservation.cost_usd

    def settle(self, reservation: Reservation, tokens: float, cost_usd: float) -> None:
        """Release what was reserved and add what was used."""
        self.reservations -= 1
        self.reserved_tokens -= reservation.tokens
        self.reserved_usd = self.reserved_usd - reservation.cost_usd if self.reservations else 0.0
        self.tokens += tokens
        self.cost_usd += cost_usd

    def has_room(self, quota: Quota) -> bool:
        """Return whether another call may begin. A call that crosses a limit is the last, so limits are exceeded by
        one estimate at most."""
        return all(used + reserved < limit for _, limit, used, reserved in self.measures(quota))

    def take_warnings(self, scope: QuotaScope) -> list[BudgetWarned]:
        """Return a warning for each limit of the scope that is nearly used up, once for each."""
        warnings = []
        for name, limit, used, reserved in self.measures(scope.quota):
            if name not in self.warned and used + reserved >= WARN_AT * limit:
                self.warned.add(name)
                used_now = round(used + reserved, 6)
                warnings.append(BudgetWarned(budget=f"{name} {scope.budget}", used=used_now, limit=limit))
        return warnings


class BudgetReservation:
    """The cost that is reserved for one model call. Leaving it without `settle` charges the estimate.

    `warnings` are events to record before the call.
    """

    def __init__(
        self,
        budgets: Sequence[_Budget],
        reservation: Reservation,
        released: Callable[[], None],
        warnings: Sequence[BudgetWarned] = (),
    ) -> None:
        self.reservation = reservation
        self.warnings = tuple(warnings)
        self._budgets = budgets
        self._released = released
        self._settled = False

    def settle(self, event: ModelReplied | ModelFailed | HistorySummarized | None) -> None:
        """Charge what the call has cost by its outcome; None: the outcome is unknown. Only the first call counts."""
        if self._settled:
            return
        self._settled = True
        tokens, cost_usd = charge(self.reservation, event)
        for budget in self._budgets:
            budget.settle(self.reservation, tokens, cost_usd)
        self._released()

    def release(self) -> None:
        """Charge nothing: no model was asked."""
        if self._settled:
            return
        self._settled = True
        for budget in self._budgets:
            budget.settle(self.reservation, 0, 0.0)
        self._released()

    def __enter__(self) -> BudgetReservation:
        return self

    def __exit__(self, *exc: object) -> None:
        self.settle(None)


class Budgets:
    """The shared budgets of this process. `of_each` is the quota that every principal has."""

    def __init__(self, journal: Journal, clock: Clock, of_each: Quota = UNLIMITED) -> None:
        self._journal = journal
        self._clock = clock
        self._of_each = of_each
        self._kept: dict[str, _Budget] = {}
        self._loading = asyncio.Lock()
        self._released = asyncio.Event()

    def scopes(self, principal: str, agent: str | None, of_agent: Quota) -> list[QuotaScope]:
        """Return the quota scopes of a run of this principal and agent; `scope_of_key` adds that of its API key."""
        found = [QuotaScope("principal", principal, self._of_each)]
        if agent is not None:
            found.append(QuotaScope("agent", agent, of_agent))
        return [scope for scope in found if scope.quota != UNLIMITED]

    async def scope_of_key(self, id: str) -> QuotaScope:
        """Return the quota scope of an API key; a key that was deleted has no limits."""
        row = await self._journal.api_key(id)
        return QuotaScope("key", id, row.quota if row is not None else UNLIMITED)

    async def check(self, scopes: Sequence[QuotaScope]) -> None:
        """Raise ResourceError (`quota_exhausted`) if a daily budget of these scopes is used up."""
        exhausted = await self._exhausted(scopes)
        if exhausted is not None:
            left = DAY_US - self._clock.now() % DAY_US
            owner = exhausted.budget.partition(":")[0]
            text = f"This {owner} has used up its {_NOUNS[exhausted.limit]} of the day ({exhausted.value:g})"
            until = f"{text}: the next begins at midnight UTC, or its quota can be raised."
            raise ResourceError(until, code="quota_exhausted", retry_after=math.ceil(left / 1_000_000))

    async def reserve(
        self, scopes: Sequence[QuotaScope], tokens: int, cost_usd: float
    ) -> BudgetReservation | LimitReached:
        """Reserve the estimate of one model call from the budgets of all scopes, as soon as each has room.

        It waits only for calls in progress, each of which has a timeout. Returns LimitReached if a budget is used up.
        """
        while (exhausted := await self._exhausted(scopes)) is None:
            budgets = [self._kept[scope.budget] for scope in scopes]
            if all(budget.has_room(scope.quota) for scope, budget in zip(scopes, budgets, strict=True)):
                return self._reserve(scopes, budgets, tokens, cost_usd)
            await self._released.wait()
        return exhausted

    def _reserve(
        self, scopes: Sequence[QuotaScope], budgets: Sequence[_Budget], tokens: int, cost_usd: float
    ) -> BudgetReservation:
        names = tuple(scope.budget for scope in scopes)
        reservation = Reservation(names, budgets[0].day, tokens, cost_usd)
        warnings: list[BudgetWarned] = []
        for scope, budget in zip(scopes, budgets, strict=True):
            budget.reserve(reservation)
            warnings += budget.take_warnings(scope)
        return BudgetReservation(budgets, reservation, self._wake, warnings)

    async def _exhausted(self, scopes: Sequence[QuotaScope]) -> LimitReached | None:
        """Return the first limit that is used up, or None. Afterwards all budgets are in memory, with today's use."""
        day = self._clock.now() // DAY_US
        await self._load([scope.budget for scope in scopes], day)
        for scope in scopes:
            for limit, value, used, _ in self._kept[scope.budget].measures(scope.quota):
                if used >= value:
                    return LimitReached(limit=limit, value=value, budget=scope.budget)
        return None

    async def _load(self, names: Sequence[str], day: int) -> None:
        async with self._loading:
            for name in names:
                known = self._kept.get(name)
                if known is None or known.day < day:
                    self._kept[name] = _Budget(day, *await self._journal.used(name, day))
            if len(self._kept) > MOST_KEPT:
                idle = [name for name, budget in self._kept.items() if not budget.reservations and name not in names]
                for name in idle[: MOST_KEPT // 10]:
                    del self._kept[name]

    def _wake(self) -> None:
        """Let those that wait for room look again."""
        self._released.set()
        self._released = asyncio.Event()

    def state(self, limit: int) -> dict[str, dict[str, float]]:
        """Return up to `limit` of the budgets in memory, for the debug pages."""
        return {
            name: {
                "tokens": budget.tokens,
                "cost_usd": round(budget.cost_usd, 6),
                "held_tokens": budget.reserved_tokens,
                "held_usd": round(budget.reserved_usd, 6),
            }
            for name, budget in list(self._kept.items())[:limit]
        }


def most_runs(scopes: Sequence[QuotaScope]) -> tuple[MostRuns, ...]:
    """Return the limits of the scopes on runs at one time, for the journal to check."""
    return tuple(
        MostRuns(scope.owner, scope.name, scope.quota.concurrent_runs)
        for scope in scopes
        if scope.quota.concurrent_runs is not None
    )
