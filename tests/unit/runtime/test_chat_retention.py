"""Hidden threads of conversations go after a while; other threads and open runs stay."""

from __future__ import annotations

import asyncio
import contextlib

from journeyman import tool
from journeyman.clock import ManualClock
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.chat_retention import PERIOD_SECONDS, ChatRetention
from tests.harness.runtime_in_memory import RuntimeInMemory, turns

HOUR = 3600.0


@tool(effects="once", approval="always")
async def refund() -> str:
    """Refunds."""
    return "refunded"


async def test_old_conversations_are_erased_and_nothing_else() -> None:
    clock = ManualClock()
    model = ScriptedModel(turns("a", "b", {"refund": {}}, "d"))
    async with RuntimeInMemory(model, [refund], clock=clock) as runtime:
        runs = [await runtime.start("hi", None if hidden else "t", hidden=hidden) for hidden in (True, False, True)]
        for run_id in runs:
            await runtime.runs.wait(run_id, 5)
        clock.advance(24 * HOUR + 1)
        newest = await runtime.start("hi", hidden=True)
        await runtime.runs.wait(newest, 5)
        retention = runtime.chat_retention
        assert isinstance(retention, ChatRetention)
        assert await retention.prune(24 * HOUR) == 1
        assert await retention.prune(24 * HOUR) == 0
        left = [await runtime.journal.run(run_id) is not None for run_id in (*runs, newest)]
    assert left == [False, True, True, True]


async def test_it_is_done_every_hour() -> None:
    clock = ManualClock()
    async with RuntimeInMemory(ScriptedModel(turns("a")), clock=clock) as runtime:
        run_id = await runtime.start("hi", hidden=True)
        await runtime.runs.wait(run_id, 5)
        task = asyncio.ensure_future(runtime.chat_retention.periodically(HOUR / 2))
        await asyncio.sleep(0)
        clock.advance(PERIOD_SECONDS)
        for _ in range(200):
            await asyncio.sleep(0)
        assert await runtime.journal.run(run_id) is None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
