from __future__ import annotations

import asyncio

from journeyman.clock import ManualClock
from journeyman.telemetry.tasks import TaskBook


async def outer(gate: asyncio.Event) -> None:
    await inner(gate)


async def inner(gate: asyncio.Event) -> None:
    await gate.wait()


async def test_a_task_shows_where_it_waits_how_old_it_is_and_who_made_it() -> None:
    clock, gate = ManualClock(), asyncio.Event()
    book, loop = TaskBook(clock), asyncio.get_running_loop()
    before = asyncio.create_task(outer(gate), name="before")

    async def parent() -> None:
        await asyncio.create_task(outer(gate), name="child")

    book.install(loop)
    made = asyncio.create_task(parent(), name="parent")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.advance(2.5)
    shown = {task.name: task for task in book.read()}
    book.remove(loop)
    gate.set()
    await asyncio.gather(before, made)

    child = shown["child"]
    assert (child.code, child.age, child.parent) == ("outer", 2.5, "parent")
    places = [frame.rsplit(" ", 1)[1] for frame in child.stack]
    assert places[:3] == ["outer", "inner", "Event.wait"]
    assert (shown["before"].age, shown["before"].parent) == (None, None)
    assert loop.get_task_factory() is None


async def test_a_factory_that_is_there_stays() -> None:
    loop, mine = asyncio.get_running_loop(), TaskBook(ManualClock())
    mine.install(loop)
    other = TaskBook(ManualClock())
    other.install(loop)
    other.remove(loop)
    assert loop.get_task_factory() is mine
    mine.remove(loop)
