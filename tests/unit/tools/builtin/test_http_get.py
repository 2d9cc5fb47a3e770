from __future__ import annotations

import msgspec

from journeyman.tools.registry import ToolRegistry
from tests.harness.tool_calls import ToolCalls


async def test_http_get_reads_text_and_no_private_address(request_for, host):
    calls = ToolCalls(await ToolRegistry.auto_register())
    request = request_for(calls.registry.get("http_get"), {"url": "https://news.example/"})
    outcome = await calls.executor.execute(request, host)
    assert msgspec.json.decode(outcome.result)["text"] == '"seen"'
    assert calls.web.requests[0].public_only
