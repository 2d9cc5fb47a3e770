from __future__ import annotations

import asyncio

from journeyman.clock import ManualClock
from journeyman.telemetry.tasks import TaskTracker


async def outer(event: asyncio.Event) -> None:
    await inner(event)


async def inner(event: asyncio.Event) -> None:
    await event.wait()


async def test_a_task_is_described_with_its_stack_age_and_parent() -> None:
    clock, event = ManualClock(), asyncio.Event()
    tracker, loop = TaskTracker(clock), asyncio.get_running_loop()
    before = asyncio.create_task(outer(event), name="before")

    async def parent() -> None:
        await asyncio.create_task(outer(event), name="child")

    tracker.install(loop)
    made = asyncio.create_task(parent(), name="parent")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.advance(2.5)
    shown = {task.name: task for task in tracker.read()}
    tracker.remove(loop)
    event.set()
    await asyncio.gather(before, made)

    child = shown["child"]
    assert (child.code, child.age, child.parent) == ("outer", 2.5, "parent")
    functions = [frame.rsplit(" ", 1)[1] for frame in child.stack]
    assert functions[:3] == ["outer", "inner", "Event.wait"]
    assert (shown["before"].age, shown["before"].parent) == (None, None)
    assert loop.get_task_factory() is None


async def test_an_existing_task_factory_is_kept() -> None:
    loop, mine = asyncio.get_running_loop(), TaskTracker(ManualClock())
    mine.install(loop)
    other = TaskTracker(ManualClock())
    other.install(loop)
    other.remove(loop)
    assert loop.get_task_factory() is mine
    mine.remove(loop)
