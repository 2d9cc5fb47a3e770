"""Runs that wait are found by the index, page by page, and go on one after the other."""

from __future__ import annotations

import sys

import pytest

from journeyman.runtime import lacking_runs
from journeyman.runtime.lacking_runs import allowed_by
from tests.harness.incomplete_runtime import UNREACHABLE, desk, incomplete


def test_runs_go_on_slowly_first_and_then_twice_as_many_each_second() -> None:
    assert [allowed_by(seconds) for seconds in (0, 1, 2, 3, 5)] == [1, 21, 61, 141, 621]
    assert 10 < allowed_by(0.5) < 12


async def test_the_runs_of_several_pages_all_go_on() -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = UNREACHABLE
        runs = [await runtime.start(f"a{number}") for number in range(lacking_runs.AT_ONCE + 20)]
        await runtime.pass_time(20, step=2)
        assert len(await runtime.journal.lacking(limit=5000)) == len(runs)
        assert runtime.runtime.scheduler.running == 0
        runtime.gateway.failure = None
        began = runtime.clock.monotonic()
        await runtime.pass_time(10, step=0.1)
        assert await runtime.journal.lacking() == []
        times = [at - began for at in runtime.gateway.asked]
        assert len(times) == len(runs)
        assert times[0] <= 2
        assert sum(at < times[0] + 1 for at in times) <= 25


async def test_a_look_that_is_asked_for_twice_is_made_after_the_first() -> None:
    async with incomplete(desk()) as runtime:
        runtime.runtime.lacking.look()
        runtime.runtime.lacking.look()
        await runtime.settle()
        assert await runtime.journal.lacking() == []


async def test_nothing_is_looked_for_once_it_is_closed() -> None:
    async with incomplete(desk()) as runtime:
        await runtime.runtime.lacking.aclose()
        runtime.runtime.lacking.look()
        await runtime.settle()


@pytest.mark.long
async def test_ten_thousand_waiters_take_no_memory() -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = UNREACHABLE
        for number in range(100):
            await runtime.start(f"a{number}")
        await runtime.pass_time(20, step=2)
        assert sys.getsizeof(runtime.runtime.lacking._gateways) < 1000
