"""Shared budgets: never exceeded by more than one estimate, and no call waits without a reason."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.clock import ManualClock
from journeyman.errors import ResourceError
from journeyman.events.events import Failure, LimitReached, ModelFailed, ModelReplied
from journeyman.events.messages import Usage, assistant
from journeyman.events.quota import Quota
from journeyman.journal.memory import MemoryJournal
from journeyman.runtime.engine.budgets import DAY_US, MOST_KEPT, BudgetReservation, Budgets, QuotaScope, most_runs

DOLLAR = [QuotaScope("principal", "ann", Quota(usd_per_day=1.0))]


def replied(cost_usd: float, tokens: int = 10) -> ModelReplied:
    return ModelReplied(call="m1", model="m", message=assistant("hi"), usage=Usage(tokens, 0, cost_usd=cost_usd))


def budgets(clock: ManualClock | None = None, of_each: Quota = Quota()) -> Budgets:
    return Budgets(MemoryJournal(), clock or ManualClock(), of_each)


async def reserved(budgets: Budgets, scopes: list[QuotaScope], cost_usd: float, tokens: int = 10) -> BudgetReservation:
    got = await budgets.reserve(scopes, tokens, cost_usd)
    assert isinstance(got, BudgetReservation)
    return got


async def test_what_is_used_up_is_a_limit_and_the_next_day_begins_anew() -> None:
    clock = ManualClock()
    shared = budgets(clock)
    (await reserved(shared, DOLLAR, 0.9)).settle(replied(0.6))
    (await reserved(shared, DOLLAR, 0.9)).settle(replied(0.4))
    got = await shared.reserve(DOLLAR, 10, 0.9)
    assert got == LimitReached(limit="usd_per_day", value=1.0, budget="principal:ann")
    with pytest.raises(ResourceError) as refused:
        await shared.check(DOLLAR)
    assert refused.value.code == "quota_exhausted"
    assert refused.value.retry_after == (DAY_US - clock.now() % DAY_US) // 1_000_000
    clock.advance(float(refused.value.retry_after))
    await shared.check(DOLLAR)
    (await reserved(shared, DOLLAR, 0.9)).settle(replied(0.1))


async def test_a_call_without_room_waits_until_others_settle() -> None:
    shared = budgets()
    first = await reserved(shared, DOLLAR, 0.6)
    second = await reserved(shared, DOLLAR, 0.6)  # it crosses the limit: the last one that may
    waiting = asyncio.create_task(shared.reserve(DOLLAR, 10, 0.6))
    await asyncio.sleep(0)
    assert not waiting.done()
    first.settle(replied(0.1))
    third = await waiting
    assert isinstance(third, BudgetReservation)
    last = asyncio.create_task(shared.reserve(DOLLAR, 10, 0.6))
    second.settle(replied(0.5))
    third.settle(replied(0.5))
    assert isinstance(await last, LimitReached)


async def test_an_unknown_outcome_costs_the_estimate_and_a_refusal_nothing() -> None:
    shared = budgets()
    with await reserved(shared, DOLLAR, 0.25) as taken:
        taken.settle(ModelFailed(call="m1", error=Failure("gateway_rejected", "no")))
    assert shared.state(1)["principal:ann"] == {"tokens": 0, "cost_usd": 0.0, "held_tokens": 0, "held_usd": 0.0}
    with pytest.raises(KeyError), await reserved(shared, DOLLAR, 0.25):
        raise KeyError
    taken.settle(None)  # a second word does not count
    assert shared.state(1)["principal:ann"] == {"tokens": 10, "cost_usd": 0.25, "held_tokens": 0, "held_usd": 0.0}


async def test_a_budget_that_is_nearly_used_up_is_warned_of_once_a_day() -> None:
    shared = budgets()
    first = await reserved(shared, DOLLAR, 0.5)
    second = await reserved(shared, DOLLAR, 0.3)
    first.settle(replied(0.5))
    second.settle(replied(0.3))
    third = await reserved(shared, DOLLAR, 0.1)
    assert (first.warnings, third.warnings) == ((), ())
    [warning] = second.warnings
    assert (warning.budget, warning.used, warning.limit) == ("usd_per_day principal:ann", 0.8, 1.0)


async def test_every_budget_that_pays_must_have_room() -> None:
    shared = budgets(of_each=Quota(tokens_per_day=100))
    scopes = shared.scopes("ann", "support", Quota(usd_per_day=5.0))
    assert [scope.budget for scope in scopes] == ["principal:ann", "agent:support"]
    (await reserved(shared, scopes, 1.0, tokens=100)).settle(replied(1.0, tokens=100))
    got = await shared.reserve(scopes, 1, 0.1)
    assert isinstance(got, LimitReached)
    assert (got.limit, got.budget) == ("tokens_per_day", "principal:ann")
    others = shared.scopes("bob", "support", Quota(usd_per_day=5.0))
    (await reserved(shared, others, 1.0)).settle(replied(1.0))
    assert shared.state(9)["agent:support"]["cost_usd"] == 2.0


async def test_memory_is_bounded() -> None:
    shared = budgets()
    for number in range(MOST_KEPT + 50):
        await shared.check([QuotaScope("principal", f"p{number}", Quota(tokens_per_day=1))])
    assert len(shared.state(2 * MOST_KEPT)) <= MOST_KEPT


def test_quotas_say_how_many_runs_may_be_at_work() -> None:
    scopes = [QuotaScope("key", "k1", Quota(concurrent_runs=4)), *DOLLAR]
    assert [(limit.owner, limit.name, limit.most) for limit in most_runs(scopes)] == [("key", "k1", 4)]


@given(
    calls=st.lists(st.tuples(st.floats(0.01, 0.5), st.floats(0.0, 1.0)), min_size=1, max_size=40),
    steps=st.integers(1, 8),
)
async def test_no_budget_is_passed_by_more_than_one_estimate(calls: list[Any], steps: int) -> None:
    """Many calls at once, each with an estimate and a cost below it: all end, and the sum stays within the limit."""
    shared, spent, turned_away = budgets(), [0.0], [0]

    async def one(number: int, estimate: float, share: float) -> None:
        got = await shared.reserve(DOLLAR, 1, estimate)
        if isinstance(got, LimitReached):
            turned_away[0] += 1
            return
        with got:
            for _ in range(number % steps):
                await asyncio.sleep(0)
            spent[0] += estimate * share
            got.settle(replied(estimate * share))

    async with asyncio.timeout(5):
        await asyncio.gather(*(one(number, *call) for number, call in enumerate(calls)))
    assert spent[0] <= 1.0 + max(estimate for estimate, _ in calls)
    assert not turned_away[0] or spent[0] >= 1.0 - 1e-9
    state = shared.state(1).get("principal:ann", {"held_usd": 0.0, "held_tokens": 0})
    assert (state["held_usd"], state["held_tokens"]) == (0.0, 0)
