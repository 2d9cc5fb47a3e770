from __future__ import annotations

from pathlib import Path

from journeyman.tools.registry import ToolRegistry
from tests.harness.tool_calls import ToolCalls

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


async def test_plain_tools_ask_the_server(tmp_path: Path, request_for, host):
    (tmp_path / "shop.py").write_text(FETCHING)
    calls = ToolCalls(await ToolRegistry.auto_register(tmp_path))
    assert not calls.registry.problems
    try:
        ordered = await calls.executor.execute(request_for(calls.registry.get("order"), {"item": "x"}), host)
        failed = await calls.executor.execute(request_for(calls.registry.get("fail")), host)
    finally:
        await calls.workers.aclose()
    assert ordered.result == '{"first":{"item":"x"},"second":200}'
    post, get = calls.web.requests[:2]
    assert (post.headers["idempotency-key"], get.headers["idempotency-key"]) == ("key_1", "key_1.2")
    assert get.url == "https://shop.example/orders?q=a+b"
    assert failed.failure is not None
    assert failed.failure.code == "service_circuit_open"
