"""A bound on calls under way: first come first served, with a bounded wait."""

from __future__ import annotations

import asyncio

from journeyman.clock import ManualClock
from journeyman.resilience.bulkhead import Bulkhead


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_no_more_than_the_limit_are_inside() -> None:
    bulkhead = Bulkhead(ManualClock(), limit=2)
    assert [bulkhead.enter_now() for _ in range(3)] == [True, True, False]
    bulkhead.leave()
    assert (bulkhead.inside, bulkhead.enter_now()) == (1, True)


async def test_who_waits_longest_takes_the_place() -> None:
    bulkhead, order = Bulkhead(ManualClock(), limit=1), list[int]()

    async def caller(number: int) -> None:
        assert await bulkhead.enter(60)
        order.append(number)

    assert bulkhead.enter_now()
    tasks = [asyncio.create_task(caller(number)) for number in range(3)]
    await turns()
    assert (bulkhead.waiting, bulkhead.enter_now()) == (3, False)
    for _ in tasks:
        bulkhead.leave()
        await turns()
    assert (order, bulkhead.inside, bulkhead.waiting) == ([0, 1, 2], 1, 0)


async def test_a_wait_ends_when_its_time_is_over() -> None:
    clock = ManualClock()
    bulkhead = Bulkhead(clock, limit=1)
    assert bulkhead.enter_now()
    waiting = asyncio.create_task(bulkhead.enter(5))
    await turns()
    clock.advance(5)
    assert await waiting is False
    assert (bulkhead.inside, bulkhead.waiting) == (1, 0)


async def test_beyond_the_bound_of_waiters_nobody_waits() -> None:
    bulkhead = Bulkhead(ManualClock(), limit=1, waiting=0)
    assert bulkhead.enter_now()
    assert await bulkhead.enter(60) is False


async def test_a_waiter_that_was_cancelled_takes_no_place() -> None:
    bulkhead = Bulkhead(ManualClock(), limit=1)
    assert bulkhead.enter_now()
    waiting = asyncio.create_task(bulkhead.enter(60))
    await turns()
    bulkhead.leave()  # lets it in
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (bulkhead.inside, bulkhead.waiting) == (0, 0)
