"""The clock of tests, and that the real one counts in the same units."""

from __future__ import annotations

import asyncio
import time

from journeyman.clock import ManualClock, SystemClock


async def test_sleepers_wake_in_the_order_of_their_deadlines() -> None:
    clock, woken = ManualClock(), list[float]()

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (3, 1, 2)]
    await asyncio.sleep(0)
    clock.advance(2)
    await asyncio.sleep(0)
    assert woken == [1, 2]
    clock.advance(1)
    await asyncio.gather(*tasks)
    assert woken == [1, 2, 3]


async def test_time_moves_by_advance_alone() -> None:
    clock = ManualClock(now=10)
    assert (clock.now(), clock.monotonic()) == (10, 0.0)
    clock.advance(1.5)
    assert (clock.now(), clock.monotonic()) == (1_500_010, 1.5)


async def test_no_time_to_sleep_gives_way_once() -> None:
    await asyncio.wait_for(ManualClock().sleep(0), 1)


async def test_a_cancelled_timer_does_not_call_back() -> None:
    clock, called = ManualClock(), list[str]()
    clock.call_later(1, lambda: called.append("kept"))
    clock.call_later(1, lambda: called.append("cancelled")).cancel()
    clock.advance(1)
    await asyncio.sleep(0)
    assert called == ["kept"]


async def test_the_systems_clock_counts_microseconds_and_calls_back() -> None:
    clock, called = SystemClock(), asyncio.Event()
    assert abs(clock.now() / 1_000_000 - time.time()) < 5
    before = clock.monotonic()
    clock.call_later(0, called.set)
    await asyncio.wait_for(called.wait(), 5)
    assert clock.monotonic() >= before
