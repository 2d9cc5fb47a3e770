from __future__ import annotations

import msgspec
import pytest

from journeyman.tools.registry import ToolRegistry
from journeyman.tools.tool import ToolContext, tool
from tests.harness.tool_calls import ToolCalls


@tool(effects="once")
async def once(ctx: ToolContext) -> str:
    """Once."""
    return (await ctx.http.delete("https://shop.example/a")).text


async def test_a_tool_s_rate_limit_delays_and_then_refuses(request_for, host):
    calls = ToolCalls(ToolRegistry())
    registered = await calls.registry.register_tool(once)

    async def call(rate: str):
        spec = registered.spec.with_policy(rate_limit=rate)
        return await calls.executor.execute(msgspec.structs.replace(request_for(registered), spec=spec), host)

    for _ in range(4):
        assert (await call("2/8s")).failure is None
    assert calls.clock.monotonic() == pytest.approx(8)
    for _ in range(2):
        await call("2/minute")
    refused = await call("2/minute")
    assert refused.failure is not None
    assert (refused.failure.code, refused.attempts, refused.unknown) == ("tool_rate_limited", 0, False)
