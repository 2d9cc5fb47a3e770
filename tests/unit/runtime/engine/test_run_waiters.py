"""Callers that wait for runs."""

from __future__ import annotations

import asyncio

from journeyman.clock import ManualClock
from journeyman.events.fold import AgentState
from journeyman.runtime.engine.run_waiters import RunWaiters


async def busy() -> bool:
    return False


async def idle() -> bool:
    return True


def waiter(waiters: RunWaiters, run_id: str, thread: str = "me/t") -> asyncio.Task[AgentState | None]:
    return asyncio.create_task(waiters.wait(run_id, thread, 10, busy))


async def test_all_that_wait_for_a_run_get_its_state() -> None:
    waiters, state = RunWaiters(ManualClock()), AgentState(run_id="run_1")
    first, second, other = waiter(waiters, "run_1"), waiter(waiters, "run_1"), waiter(waiters, "run_2")
    await asyncio.sleep(0)
    waiters.release("run_1", state)
    assert await first is state
    assert await second is state
    assert not other.done()
    waiters.release_all()
    assert await other is None


async def test_those_behind_a_paused_run_of_the_thread_are_released() -> None:
    waiters = RunWaiters(ManualClock())
    behind, elsewhere = waiter(waiters, "run_2"), waiter(waiters, "run_3", "me/other")
    await asyncio.sleep(0)
    waiters.release_thread("me/t")
    assert await behind is None
    assert not elsewhere.done()
    elsewhere.cancel()


async def test_nothing_is_waited_for_beyond_the_time_or_in_vain() -> None:
    clock = ManualClock()
    waiters = RunWaiters(clock)
    waiting = waiter(waiters, "run_1")
    await asyncio.sleep(0)
    clock.advance(10)
    assert await waiting is None
    assert await waiters.wait("run_1", "me/t", 10, idle) is None
