"""`ctx.http` inline and in a worker process, rate limits of tools, and `http_get`."""

from __future__ import annotations

import msgspec

from journeyman.tools.permissions import Permissions
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.tool import ToolContext, tool
from tests.harness.tool_calls import ToolCalls


@tool(effects="idempotent")
async def buy(ctx: ToolContext) -> list:
    """Buy."""
    one = await ctx.http.post("https://shop.example/a", content="raw", headers={"X-A": "1"})
    await ctx.http.put("https://shop.example/b", json={"n": 1}, headers={"Idempotency-Key": "mine"})
    return [one.text, one.ok]


@tool(effects="once")
async def once(ctx: ToolContext) -> str:
    """Once."""
    return (await ctx.http.delete("https://shop.example/a")).text


async def test_requests_of_an_idempotent_call_carry_its_key(request_for, host):
    calls = ToolCalls(ToolRegistry())
    registered = await calls.registry.register_tool(buy)
    outcome = await calls.executor.execute(request_for(registered), host)
    assert outcome.result == '["raw",true]'
    assert [request.headers["idempotency-key"] for request in calls.web.requests] == ["key_1", "mine"]
    assert [request.method for request in calls.web.requests] == ["POST", "PUT"]
    assert calls.web.how == [(True, None)] * 2


async def test_a_once_call_sends_no_key_and_its_permissions_bind(request_for, host):
    calls = ToolCalls(ToolRegistry())
    registered = await calls.registry.register_tool(once)
    spec = registered.spec.with_policy(permissions=Permissions(network=("shop.example",)))
    await calls.executor.execute(msgspec.structs.replace(request_for(registered), spec=spec), host)
    assert "idempotency-key" not in calls.web.requests[0].headers
    assert calls.web.how == [(False, ("shop.example",))]


async def test_a_guard_s_refusal_is_not_tried_again_by_the_tool(request_for, host):
    calls = ToolCalls(await ToolRegistry.auto_register())
    outcome = await calls.executor.execute(
        request_for(calls.registry.get("http_get"), {"url": "https://down.example/"}), host
    )
    assert outcome.failure is not None
    assert (outcome.failure.code, len(calls.web.requests)) == ("service_circuit_open", 1)
