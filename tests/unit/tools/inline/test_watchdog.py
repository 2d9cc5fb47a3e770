"""An inline tool that blocks the event loop is logged with its stack, and counted."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from journeyman.tools.inline.watchdog import Watchdog
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.tool import tool


def grind(seconds: float) -> None:
    time.sleep(seconds)  # blocking is what is tested


@tool(effects="none")
async def block(seconds: float) -> str:
    """Block the loop after a wait."""
    await asyncio.sleep(0)
    grind(seconds)
    return "done"


@tool(effects="none")
async def wait_politely() -> str:
    """Wait longer than a tool may block."""
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.15)
    except TimeoutError:
        return "waited"
    return "?"


@pytest.fixture
async def run(request_for, host):
    registry = ToolRegistry()

    async def call(thing, arguments=None):
        name = thing.__name__
        registered = registry.tools.get(name) or await registry.register_tool(thing)
        return await registered.invoker.invoke(request_for(registered, arguments), host), registry.get_metrics()[name]

    yield call
    await registry.aclose()


@pytest.mark.alone
async def test_a_blocked_loop_is_logged_with_tool_and_stack_and_counted(run, caplog):
    caplog.set_level(logging.WARNING, "journeyman.tool")
    result, figures = await run(block, {"seconds": 0.2})
    assert (result, figures["loop_blocks"]) == ("done", 1)
    (record,) = caplog.records
    assert "block blocked the event loop" in record.message
    assert "grind" in record.detail


@pytest.mark.alone
async def test_waiting_is_not_blocking(run, caplog):
    assert (await run(block, {"seconds": 0.0}))[1]["loop_blocks"] == 0
    result, figures = await run(wait_politely)
    assert (result, figures["loop_blocks"], caplog.records) == ("waited", 0, [])


async def test_a_cancelled_tool_may_clean_up(run):
    cleaned = []

    @tool(effects="none")
    async def cleans() -> str:
        """Wait for ever."""
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("yes")
        return "?"

    task = asyncio.create_task(run(cleans))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["yes"]


class RefusedThread(threading.Thread):
    """A thread that the system does not give."""

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


async def test_without_a_thread_a_tool_runs_unwatched(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "journeyman.tool")
    watchdog = Watchdog(RefusedThread)

    async def work() -> str:
        return "done"

    assert await watchdog.watched("work", work()) == "done"
    assert "without the watch for blocks: can't start new thread" in caplog.text
