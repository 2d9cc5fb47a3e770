"""`ctx.http` inline and in a worker process, rate limits of tools, and `http_get`."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from journeyman.clock import ManualClock
from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.errors import ServiceUnavailableError
from journeyman.ids import SequentialIds
from journeyman.tools.executor import Executor
from journeyman.tools.permissions import Permissions
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.tool import ToolContext, tool

FETCHING = (
    '''
from journeyman import tool

@tool(effects="idempotent")
def order(ctx, item: str) -> dict:
    """Order."""
    first = ctx.http.post("https://shop.example/orders", json={"item": item})
    second = ctx.http.get("https://shop.example/orders", params={"q": "a b"})
    return {"first": first.json(), "second": second.status}

@tool(effects="none")
def fail(ctx) -> str:
    """Fail."""
    return ctx.http.get("https://down.example/").text
'''.replace("ctx,", "ctx: BlockingToolContext,")
    .replace("(ctx)", "(ctx: BlockingToolContext)")
    .replace("from journeyman import tool", "from journeyman.tools.tool import BlockingToolContext, tool")
)


class EagerClock(ManualClock):
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


class Web:
    """Answers every request, and remembers how it was asked."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.how: list[tuple[bool, tuple[str, ...] | None]] = []

    async def send(self, request: HttpRequest, *, harmless: bool, hosts: tuple[str, ...] | None = None) -> HttpReply:
        self.requests.append(request)
        self.how.append((harmless, hosts))
        if "down" in request.url:
            raise ServiceUnavailableError("down is left alone", code="service_circuit_open", retry_after=3)
        return HttpReply(200, {"content-type": "application/json"}, request.body or b'"seen"', request.url)


class Rig:
    def __init__(self, registry: ToolRegistry) -> None:
        self.registry = registry
        self.clock = EagerClock()
        self.web = Web()
        self.workers = WorkerPool()
        self.executor = Executor(registry, self.workers, self.clock, random.Random(1), SequentialIds(), http=self.web)


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
    rig = Rig(ToolRegistry())
    registered = await rig.registry.register_tool(buy)
    outcome = await rig.executor.execute(request_for(registered), host)
    assert outcome.result == '["raw",true]'
    assert [request.headers["idempotency-key"] for request in rig.web.requests] == ["key_1", "mine"]
    assert [request.method for request in rig.web.requests] == ["POST", "PUT"]
    assert rig.web.how == [(True, None)] * 2


async def test_a_once_call_sends_no_key_and_its_permissions_bind(request_for, host):
    rig = Rig(ToolRegistry())
    registered = await rig.registry.register_tool(once)
    spec = registered.spec.with_policy(permissions=Permissions(network=("shop.example",)))
    await rig.executor.execute(msgspec.structs.replace(request_for(registered), spec=spec), host)
    assert "idempotency-key" not in rig.web.requests[0].headers
    assert rig.web.how == [(False, ("shop.example",))]


async def test_http_get_reads_text_and_no_private_address(request_for, host):
    rig = Rig(await ToolRegistry.auto_register())
    request = request_for(rig.registry.get("http_get"), {"url": "https://news.example/"})
    outcome = await rig.executor.execute(request, host)
    assert msgspec.json.decode(outcome.result)["text"] == '"seen"'
    assert rig.web.requests[0].public_only


async def test_a_guard_s_refusal_is_not_tried_again_by_the_tool(request_for, host):
    rig = Rig(await ToolRegistry.auto_register())
    outcome = await rig.executor.execute(
        request_for(rig.registry.get("http_get"), {"url": "https://down.example/"}), host
    )
    assert outcome.failure is not None
    assert (outcome.failure.code, len(rig.web.requests)) == ("service_circuit_open", 1)


async def test_plain_tools_ask_the_server(tmp_path: Path, request_for, host):
    (tmp_path / "shop.py").write_text(FETCHING)
    rig = Rig(await ToolRegistry.auto_register(tmp_path))
    assert not rig.registry.problems
    try:
        ordered = await rig.executor.execute(request_for(rig.registry.get("order"), {"item": "x"}), host)
        failed = await rig.executor.execute(request_for(rig.registry.get("fail")), host)
    finally:
        await rig.workers.aclose()
    assert ordered.result == '{"first":{"item":"x"},"second":200}'
    post, get = rig.web.requests[:2]
    assert (post.headers["idempotency-key"], get.headers["idempotency-key"]) == ("key_1", "key_1.2")
    assert get.url == "https://shop.example/orders?q=a+b"
    assert failed.failure is not None
    assert failed.failure.code == "service_circuit_open"


async def test_a_tool_s_rate_limit_delays_and_then_refuses(request_for, host):
    rig = Rig(ToolRegistry())
    registered = await rig.registry.register_tool(once)

    async def call(rate: str):
        spec = registered.spec.with_policy(rate_limit=rate)
        return await rig.executor.execute(msgspec.structs.replace(request_for(registered), spec=spec), host)

    for _ in range(4):
        assert (await call("2/8s")).failure is None
    assert rig.clock.monotonic() == pytest.approx(8)
    for _ in range(2):
        await call("2/minute")
    refused = await call("2/minute")
    assert refused.failure is not None
    assert (refused.failure.code, refused.attempts, refused.unknown) == ("tool_rate_limited", 0, False)
