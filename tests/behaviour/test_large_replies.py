"""Many large replies at once do not end the process: they are read one after the other where memory is short."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.harness.real_server import RealServer

AGENT = """\
type: react_agent
name: writer
prompt: Write much.
model: {name: fake}
limits: {tokens: null}
"""
COUNT = 12
PIECE = 16 << 10
_LIMITED = """\
import os, resource, sys
limit = int(sys.argv[1]) << 20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
os.execv(sys.argv[2], sys.argv[2:])
"""


class LargeReplies:
    """A gateway whose replies of `size` bytes all begin when `COUNT` requests have come."""

    def __init__(self, size: int, form: str) -> None:
        self.size, self.form, self.asked = size, form, 0
        self._all_asked = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked += 1
        if self.asked >= COUNT:
            self._all_asked.set()
        await self._all_asked.wait()
        if self.form == "document":
            message = {"role": "assistant", "content": "x" * self.size}
            body = {"model": "fake", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
            return web.json_response(body)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        piece = _event({"content": "x" * PIECE})
        for _ in range(self.size // PIECE):
            await response.write(piece)
        await response.write(_event({}, "stop") + b"data: [DONE]\n\n")
        return response


def _event(delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return b"data: " + json.dumps({"model": "fake", "choices": [choice]}).encode() + b"\n\n"


@asynccontextmanager
async def serving(gateway: LargeReplies) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/chat/completions", gateway.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def statuses(server: RealServer, seconds: float) -> list[str]:
    """Start the runs, and return their statuses when all have ended."""
    async with aiohttp.ClientSession(server.url, trust_env=False) as http, asyncio.timeout(seconds):
        for number in range(COUNT):
            async with http.post("/process", json={"user_input": f"Go {number}", "background": True}) as started:
                assert started.status == 202
        while True:
            async with http.get("/runs?limit=100") as answer:
                found = [run["status"] for run in (await answer.json())["items"]]
            if len(found) == COUNT and not {"queued", "running"} & set(found):
                return found
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("size", "megabytes", "limit"),
    [(1 << 20, 0, 1 << 20), pytest.param(12 << 20, 600, 64 << 20, marks=pytest.mark.long)],
)
@pytest.mark.parametrize("form", ["document", "events"])
async def test_many_large_replies_at_once(tmp_path: Path, form: str, size: int, megabytes: int, limit: int) -> None:
    gateway = LargeReplies(size, form)
    async with serving(gateway) as url:
        (tmp_path / "agent.yaml").write_text(AGENT)
        settings = {"LITELLM_GATEWAY_URL": url, "LITELLM_GATEWAY_API_KEY": "sk-test", "GATEWAY_REPLY_BYTES": str(limit)}
        server = RealServer(tmp_path, tmp_path / "agent.yaml", settings, preloaded=not megabytes)
        try:
            child = server.spawn((sys.executable, "-c", _LIMITED, str(megabytes)) if megabytes else ())
            await asyncio.to_thread(child.wait_http, f"{server.url}/readyz", 30.0, 0.01)
            assert await statuses(server, 120) == ["finished"] * COUNT, server.tail()
            assert server.alive
            assert gateway.asked == COUNT  # none was asked for again
        finally:
            await server.close()
