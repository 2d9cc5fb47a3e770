"""A small MCP server that can be told to misbehave: over stdio by its argument, over HTTP by `serve`.

Of both revisions: `server/discover` is answered in the mode `stateless` only. As a script it imports nothing of ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

ECHO = {
    "name": "echo",
    "description": "Says it again",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}
PLAIN = {"type": "object", "properties": {}}
PICTURE = "R0lGODlhAQABAAAAACw="  # the beginning of a GIF, in base64
DSN = "postgres://app:hunter2@db/x with key-9876543210"
TRACE = 'Traceback (most recent call last):\n  File "/app/db.py", line 41, in open'


class FakeMcpServer:
    """Answers a message with the messages that come back. `modes` say how it misbehaves."""

    def __init__(self, modes: set[str]) -> None:
        self.modes = modes
        self.tools = [ECHO, {"name": "die", "inputSchema": PLAIN}, {"name": "hang", "inputSchema": PLAIN}]
        self.tools += [
            {"name": name, "inputSchema": PLAIN} for name in ("huge", "progress", "fail", "grow", "pid", "env")
        ]
        self.tools += [{"name": name, "inputSchema": PLAIN} for name in ("rpc", "trace") if "talks" in modes]
        self.calls: list[dict[str, Any]] = []
        self.cancelled: list[Any] = []

    def answers(self, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        method, id_, params = message.get("method"), message.get("id"), message.get("params") or {}
        if method == "notifications/cancelled":
            self.cancelled.append(params.get("requestId"))
        if id_ is None or method is None:
            return
        if method == "initialize":
            version = "1999-01-01" if "ancient" in self.modes else "2025-11-25"
            capabilities = {"tools": {"listChanged": True}}
            yield _result(
                id_, protocolVersion=version, capabilities=capabilities, serverInfo={"name": "p", "version": "1"}
            )
        elif method == "server/discover" and "stateless" in self.modes:
            yield _result(id_, supportedVersions=["2026-07-28"], capabilities={"tools": {}}, resultType="complete")
        elif method == "tools/list":
            yield from self._list(id_, params)
        elif method == "tools/call":
            self.calls.append(params)
            yield from self._call(id_, params)
        else:
            yield {"jsonrpc": "2.0", "id": id_, "error": {"code": -32601, "message": "Method not found"}}

    def _list(self, id_: Any, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        start = int(params.get("cursor") or 0)
        page = self.tools[start : start + 4]
        more = {"nextCursor": str(start + 4)} if len(self.tools) > start + 4 else {}
        yield _result(id_, tools=page, resultType="complete", **more)

    def _call(self, id_: Any, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        name, arguments = params["name"], params.get("arguments") or {}
        if name == "echo" and arguments["text"] == "picture":
            picture = {"type": "image", "mimeType": "image/gif", "data": PICTURE}
            yield _result(id_, content=[{"type": "text", "text": "see"}, picture], resultType="complete")
        elif name == "echo":
            yield _text(id_, arguments["text"])
        elif name == "pid":
            yield _text(id_, str(os.getpid()))
        elif name == "env":
            yield _text(id_, json.dumps(dict(os.environ)))
        elif name == "huge":
            yield _text(id_, "x" * 5_000_000)
        elif name == "fail":
            yield _result(id_, content=[{"type": "text", "text": "no such order"}], isError=True)
        elif name == "rpc":
            text = f"no pool for {DSN}\n    at open (/app/db.js:41:9)"
            yield {"jsonrpc": "2.0", "id": id_, "error": {"code": -32603, "message": text, "data": {"stack": text}}}
        elif name == "trace":
            yield _result(id_, content=[{"type": "text", "text": f"{TRACE}\nno pool for {DSN}"}], isError=True)
        elif name == "die" and "talks" in self.modes:
            print(f"{TRACE}\nOperationalError: no pool for {DSN}", file=sys.stderr, flush=True)
            os._exit(1)
        elif name == "die":
            os.kill(os.getpid(), 9)
        elif name == "grow":
            self.tools = [*self.tools[:-1], {"name": "new", "inputSchema": PLAIN}]
            yield {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
            yield _text(id_, "grown")
        elif name == "progress":
            token = params["_meta"]["progressToken"]
            for done in (1, 2):
                step = {"progressToken": token, "progress": done, "total": 2}
                yield {"jsonrpc": "2.0", "method": "notifications/progress", "params": step}
            yield _text(id_, "done")


def _result(id_: Any, **result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "result": result}


def _text(id_: Any, text: str) -> dict[str, Any]:
    return _result(id_, content=[{"type": "text", "text": text}], resultType="complete")


def main(modes: set[str]) -> None:
    """Over stdio, until its input ends."""
    if "mute" in modes:
        time.sleep(3600)
    if "crash" in modes:
        sys.exit("no configuration found")
    if "garbage" in modes:
        while True:
            print("Listening on port 3000 … {]", flush=True)
    if "flood" in modes:
        print("x" * 20_000_000, flush=True)
    if "chatty" in modes:
        print("ready!", flush=True)
    peer = FakeMcpServer(modes)
    for line in sys.stdin:
        for answer in peer.answers(json.loads(line)):
            print(json.dumps(answer), flush=True)


class FakeHttpMcpServer:
    """The same over HTTP/1.1 on loopback. `json`: answers are JSON, else event streams. `requests` is what came."""

    def __init__(self, modes: set[str]) -> None:
        self.peer = FakeMcpServer(modes)
        self.modes = modes
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.session = "session-1"
        self.url = ""

    async def __aenter__(self) -> FakeHttpMcpServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/mcp"
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await self._answer(writer, first.split()[0], headers, json.loads(body) if body else {})
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, writer: asyncio.StreamWriter, verb: str, headers: dict[str, str], message: dict[str, Any]
    ) -> None:
        self.requests.append((verb, headers, message))
        stateless = "stateless" in self.modes
        method = message.get("method")
        if "old" in self.modes:
            return await self._old(writer, verb)
        if verb != "POST":
            return await _reply(writer, 405)
        if "closed" in self.modes:
            return await _reply(writer, 401)
        known = headers.get("mcp-session-id") == self.session
        if not stateless and not known and method not in ("initialize", "server/discover"):
            return await _reply(writer, 404)
        if not stateless and method == "server/discover":
            return await _reply(writer, 400, b"Bad Request: no session")
        if method == "tools/call" and message["params"]["name"] == "hang":
            self.peer.calls.append(message["params"])
            await asyncio.Event().wait()
        if method == "tools/call" and message["params"]["name"] == "die":
            self.peer.calls.append(message["params"])
            writer.close()
            return None
        answers = list(self.peer.answers(message))
        if not answers:
            return await _reply(writer, 202)
        if "garbage" in self.modes and method == "tools/call":
            return await _reply(writer, 200, b"<html>", "application/json")
        if "json" in self.modes:
            return await _reply(writer, 200, json.dumps(answers[-1]).encode(), "application/json", self.session)
        stream = "".join(f"event: message\r\ndata: {json.dumps(answer)}\r\n\r\n" for answer in answers).encode()
        return await _reply(writer, 200, stream, "text/event-stream", self.session)

    async def _old(self, writer: asyncio.StreamWriter, verb: str) -> None:
        """Answer as a server of the HTTP+SSE transport: an endless stream that names the address for messages."""
        if verb == "GET" or "old-post" in self.modes:
            head = b"HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
            writer.write(head + b"event: endpoint\ndata: /messages?session=1\n\n")
            await writer.drain()
            await asyncio.Event().wait()
        await _reply(writer, 405)


async def _reply(
    writer: asyncio.StreamWriter, status: int, body: bytes = b"", kind: str = "text/plain", session: str = ""
) -> None:
    head = f"HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    head += f"mcp-session-id: {session}\r\n" if session else ""
    writer.write(head.encode() + b"\r\n" + body)
    await writer.drain()


if __name__ == "__main__":
    main(set(sys.argv[1:]))
