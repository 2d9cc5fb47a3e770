"""Everything outside at once, and all of it tells what it knows: a gateway, an API, an MCP server, a collector."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web


def said(secrets: Mapping[str, str]) -> str:
    """All of them, in the writings that travel."""
    lines = []
    for value in secrets.values():
        encoded = base64.b64encode(f"user:{value}".encode()).decode()
        lines.append(f"It is {value}, or {json.dumps(value)}, {quote(value, safe='')}, Basic {encoded}.")
    return " ".join(lines)


class LeakyServices:
    """`with adversary(secrets) as outside`: on one port of loopback. `collected`: what the collector was sent.

    The gateway does what the last words of the user ask for: `call TOOL {json}`, `fail STATUS`, `break` (in
    mid-stream), `odd` (no JSON), or it says all that it knows, three characters at a time.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.secrets = secrets
        self.words = said(secrets)
        self.collected: list[bytes] = []
        self.asked = 0

    async def open(self) -> None:
        app = web.Application()
        app.router.add_post("/chat/completions", self._model)
        app.router.add_post("/mcp", self._mcp)
        app.router.add_route("*", "/v1/{signal:traces|metrics}", self._collect)
        app.router.add_route("*", "/crm/{rest:.*}", self._api)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        await self._runner.cleanup()

    # --- the gateway

    async def _model(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.json()
        last = body["messages"][-1]
        words = f"{self.words} {dict(request.headers)}"
        ask = _text(last) if last["role"] == "user" else ""
        match ask.partition(" "):
            case "call", _, rest:
                name, _, arguments = rest.partition(" ")
                return await self._reply(request, body, {"tool_calls": [_call(name, arguments)]}, "tool_calls")
            case "fail", _, status:
                stack = f"Traceback (most recent call last):\n  File '/srv/litellm/proxy.py'\n{words}"
                return web.json_response({"error": {"message": stack}}, status=int(status))
            case "odd", _, _:
                return web.Response(text=f"<html>{words}", content_type="text/html")
            case "break", _, _:
                response = await _stream(request)
                await _send(response, {"content": "It is "})
                await response.write(b"data: " + json.dumps({"error": {"message": words}}).encode() + b"\n\n")
                return response
        return await self._reply(request, body, {"content": words, "reasoning_content": words}, "stop")

    async def _reply(
        self, request: web.Request, body: dict[str, Any], message: dict[str, Any], reason: str
    ) -> web.StreamResponse:
        if not body.get("stream"):
            whole = {"role": "assistant", "content": None, **message}
            choice = {"message": whole, "finish_reason": reason}
            return web.json_response({"model": "fake", "choices": [choice], "usage": {}})
        response = await _stream(request)
        for name, value in message.items():
            for piece in [value] if name == "tool_calls" else _pieces(value):
                await _send(response, {name: piece})
        await _send(response, {}, reason)
        await response.write(b"data: [DONE]\n\n")
        return response

    # --- the API of a shop, and an MCP server over HTTP

    async def _api(self, request: web.Request) -> web.Response:
        words = f"{self.words} {dict(request.headers)}"
        if request.path.endswith("/broken"):
            return web.Response(text=words, status=500)
        if request.path.endswith("/moved"):
            return web.Response(status=302, headers={"location": f"http://127.0.0.1:1/?{quote(words[:3000])}"})
        return web.json_response({"words": words})

    async def _mcp(self, request: web.Request) -> web.Response:
        message = await request.json()
        answer = mcp_answer(message, f"{self.words} {dict(request.headers)}")
        return web.Response(status=202) if answer is None else web.json_response(answer)

    async def _collect(self, request: web.Request) -> web.Response:
        self.collected.append(await request.read())
        return web.Response()


@contextmanager
def leaky_services(secrets: Mapping[str, str]) -> Iterator[LeakyServices]:
    """In a separate thread: it lives while commands have the main one."""
    outside, loop = LeakyServices(secrets), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(outside.open(), loop).result(10)
    try:
        yield outside
    finally:
        asyncio.run_coroutine_threadsafe(outside.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def mcp_answer(message: dict[str, Any], words: str) -> dict[str, Any] | None:
    """Of a server whose tools are `tell`, `fail` and `refuse`; None: nothing is to be answered."""
    method, id_ = message.get("method"), message.get("id")
    if id_ is None:
        return None
    given: dict[str, Any] = {}
    if method == "initialize":
        about = {"name": "x", "version": "1"}
        given = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": about}
    elif method == "tools/list":
        schema = {"type": "object", "properties": {"q": {"type": "string", "description": words[:900]}}}
        names = ("tell", "fail", "refuse")
        given = {"tools": [{"name": name, "description": words[:1500], "inputSchema": schema} for name in names]}
    elif method == "tools/call" and message["params"]["name"] != "refuse":
        failed = message["params"]["name"] == "fail"
        given = {"content": [{"type": "text", "text": words}], "isError": failed}
    else:
        return {"jsonrpc": "2.0", "id": id_, "error": {"code": -32601, "message": words}}
    return {"jsonrpc": "2.0", "id": id_, "result": given}


def _pieces(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def _call(name: str, arguments: str) -> dict[str, Any]:
    return {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments or "{}"}}


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    return response


async def _send(response: web.StreamResponse, delta: dict[str, Any], reason: str | None = None) -> None:
    chunk = {"model": "fake", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


MCP_SERVER = '''\
"""An MCP server over stdio that tells its environment, on every way out."""
import json, os, sys

sys.path.insert(0, {root!r})
from tests.harness.leaky_services import mcp_answer

words = " ".join(f"{{name}}={{value}}" for name, value in os.environ.items())
print(words, file=sys.stderr, flush=True)
for line in sys.stdin:
    answer = mcp_answer(json.loads(line), words)
    if answer is not None:
        print(json.dumps(answer), flush=True)
'''


def mcp_server(folder: Path) -> list[str]:
    """Writes it there: its command."""
    script = folder / "telling_mcp.py"
    script.write_text(MCP_SERVER.format(root=str(Path(__file__).parents[2])))
    return [sys.executable, str(script)]
