"""The tasks of a node's code, and its suspension."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from journeyman.runtime.engine.node_tasks import NodeTasks

Code = Callable[[NodeTasks], Awaitable[None]]


async def run(code: Code) -> tuple[bool, bool]:
    """Run code as a node does. Returns whether it was suspended, and whether another cancelled it."""

    async def root() -> tuple[bool, bool]:
        task = asyncio.current_task()
        assert task is not None
        tasks, cancelled = NodeTasks(task), False
        try:
            await code(tasks)
        except asyncio.CancelledError:
            cancelled = tasks.cancelled_from_outside()
        await tasks.stop()
        return tasks.suspended, cancelled

    return await asyncio.create_task(root())


async def perform(tasks: NodeTasks, turns: int) -> None:
    with tasks.performing():
        for _ in range(turns):
            await asyncio.sleep(0)


async def test_code_that_only_calls_is_not_suspended() -> None:
    assert await run(lambda tasks: perform(tasks, 2)) == (False, False)


async def test_suspended_code_ends_after_the_calls_that_are_performed() -> None:
    performed: list[int] = []

    async def call(tasks: NodeTasks) -> None:
        await perform(tasks, 5)
        performed.append(5)

    async def code(tasks: NodeTasks) -> None:
        await asyncio.gather(call(tasks), tasks.suspend())

    assert await run(code) == (True, False)
    assert performed == [5]


@pytest.mark.parametrize("first", [1, 3])
async def test_code_that_suspends_twice_is_cancelled_by_no_other(first: int) -> None:
    async def call_and_suspend(tasks: NodeTasks, turns: int) -> None:
        await perform(tasks, turns)
        await tasks.suspend()

    async def code(tasks: NodeTasks) -> None:
        await asyncio.gather(call_and_suspend(tasks, first), call_and_suspend(tasks, 2))

    assert await run(code) == (True, False)


async def test_a_cancel_of_the_run_is_told_from_a_suspension() -> None:
    async def code(tasks: NodeTasks) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await tasks.suspend()

    assert await run(code) == (True, True)


async def test_tasks_that_the_code_leaves_behind_end_with_it() -> None:
    left: list[asyncio.Task[None]] = []

    async def code(tasks: NodeTasks) -> None:
        left.append(asyncio.create_task(perform(tasks, 1000)))
        await asyncio.sleep(0)

    assert await run(code) == (False, False)
    assert left[0].cancelled()
