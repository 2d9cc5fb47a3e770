from __future__ import annotations

import asyncio

import pytest

from journeyman.egress.timeouts import ExchangeTimeout, TimeoutTimer


@pytest.fixture
async def timer() -> TimeoutTimer:
    return TimeoutTimer(asyncio.get_running_loop())


async def _never(timeout: ExchangeTimeout, seconds: float) -> None:
    with timeout.within(seconds):
        await asyncio.Event().wait()


async def test_a_wait_that_ends_in_time_is_not_cancelled(timer):
    timeout = ExchangeTimeout(timer, 1.0)
    for _ in range(3):
        with timeout.within(0.5):
            await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_each_wait_ends_at_its_own_limit(timer):
    async def waited(seconds: float) -> float:
        with pytest.raises(TimeoutError):
            await _never(ExchangeTimeout(timer, 1.0), seconds)
        return asyncio.get_running_loop().time()

    late, early = await asyncio.gather(waited(0.03), waited(0.01))
    assert early <= late < early + 1


async def test_all_waits_together_end_at_the_total(timer):
    timeout = ExchangeTimeout(timer, 0.02)
    with pytest.raises(TimeoutError):
        await _never(timeout, 5.0)
    assert timeout.seconds == 0.02


async def test_a_cancellation_from_elsewhere_passes_through(timer):
    for seconds in (5.0, 0.0):
        task = asyncio.create_task(_never(ExchangeTimeout(timer, 5.0), seconds))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_error_in_time_stays_that_error(timer):
    timeout = ExchangeTimeout(timer, 1.0)
    with pytest.raises(KeyError), timeout.within(0.5):
        raise KeyError


async def test_a_timed_out_task_can_wait_again(timer):
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await _never(ExchangeTimeout(timer, 1.0), 0.001)
    async with asyncio.timeout(1):
        await asyncio.sleep(0)


async def test_time_in_which_nothing_was_read_is_not_counted_in_the_total(timer):
    timeout = ExchangeTimeout(timer, 0.02)
    timeout.extend(60)
    with pytest.raises(TimeoutError):
        await _never(timeout, 0.03)
    assert timeout.seconds == 0.03
