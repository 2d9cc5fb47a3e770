"""Tools on the server's own event loop: what they raise ends their call and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from journeyman.errors import ToolExecutionError
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.spec import CallRequest
from journeyman.tools.tool import ToolRetry, tool
from tests.harness.tool_fixtures import RecordingHost


@tool(effects="none")
async def behave(how: str) -> str:
    """Behave as the arguments say."""
    match how:
        case "exit":
            raise SystemExit(3)
        case "retry":
            raise ToolRetry("again", after=1.0)
        case "cancel":
            raise asyncio.CancelledError
        case "hang":
            await asyncio.sleep(60)
    return f"did {how}"


async def call(how: str) -> Any:
    registry = ToolRegistry()
    registered = await registry.register_tool(behave)
    request = CallRequest(
        spec=registered.spec, arguments={"how": how}, call="m1.0", run_id="run_1", thread_id="t", principal="ann",
        idempotency_key="k",
    )  # fmt: skip
    assert registered.invoker is not None
    return await registered.invoker.invoke(request, RecordingHost())  # type: ignore[arg-type]


async def test_a_result_is_what_the_function_returned() -> None:
    assert await call("well") == "did well"


@pytest.mark.parametrize(("how", "message"), [("exit", "SystemExit: 3"), ("cancel", "cancelled itself")])
async def test_no_exception_of_a_tool_ends_the_server(how: str, message: str) -> None:
    with pytest.raises(ToolExecutionError, match=message):
        await call(how)


async def test_a_tool_may_ask_to_be_tried_again() -> None:
    with pytest.raises(ToolRetry) as caught:
        await call("retry")
    assert caught.value.retry_after == 1.0


async def test_a_cancellation_from_outside_passes_through() -> None:
    task = asyncio.create_task(call("hang"))
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
