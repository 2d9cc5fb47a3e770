"""A client of an ASGI application: requests, streams that can be left or stalled, and WebSockets. No network."""

from __future__ import annotations

import asyncio
import json as jsonlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

PATIENCE = 5.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return jsonlib.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


def http_scope(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    raw, _, query = path.partition("?")
    given = {"host": "testserver", **{name.lower(): value for name, value in headers.items()}}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw),
        "raw_path": quote(raw, safe="/%").encode(),
        "query_string": query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value is not None],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }


def error_of(answer: Answer) -> tuple[str, str]:
    """The code and the sentence of an error, in this API's form or that of a protocol; codes are this API's."""
    body = answer.json()
    if not isinstance(body["error"], dict):
        return body["code"], body["error"]
    code = body["error"]["code"]
    return {"invalid_api_key": "unauthenticated"}.get(code, code), body["error"]["message"]


def _encoded(json: Any, body: bytes | None, headers: Mapping[str, str] | None) -> tuple[bytes, dict[str, str]]:
    if json is None:
        return body or b"", dict(headers or {})
    return jsonlib.dumps(json).encode(), {"content-type": "application/json", **(headers or {})}


async def request(
    app: Any,
    method: str,
    path: str,
    *,
    json: Any = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request, the whole answer."""
    async with stream(app, method, path, json=json, body=body, headers=headers) as streamed:
        content = b"".join([chunk async for chunk in streamed.chunks()])
        return Answer(streamed.status, streamed.headers, content)


async def abandon(app: Any, method: str, path: str, json: Any) -> list[dict[str, Any]]:
    """Send a request whose client leaves as soon as its body is read. Returns what was sent after that."""
    content, headers = _encoded(json, None, None)
    messages = [{"type": "http.request", "body": content, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await asyncio.wait_for(app(http_scope(method, path, headers), receive, send), PATIENCE)
    return sent


@dataclass
class Stream:
    """An answer as it arrives. `stall` makes the client stop reading; `leave` disconnects it."""

    messages: asyncio.Queue[dict[str, Any] | None]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0

    async def begin(self) -> None:
        message = await asyncio.wait_for(self.messages.get(), PATIENCE)
        assert message is not None, "no answer"
        self.status = message["status"]
        self.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}

    async def chunks(self) -> AsyncIterator[bytes]:
        while (message := await asyncio.wait_for(self.messages.get(), PATIENCE)) is not None:
            if message["body"]:
                yield message["body"]

    async def frames(self) -> AsyncIterator[dict[str, Any]]:
        """SSE messages: `event`, `id` where there is one, `data` decoded; comments as {"comment": …}."""
        rest = b""
        async for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n\n")
            for block in whole:
                if block.startswith(b":"):
                    yield {"comment": block[1:].strip().decode()}
                    continue
                fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
                if "data" in fields:
                    yield {**fields, "data": jsonlib.loads(fields["data"])}

    def stall(self) -> None:
        self.reading.clear()

    def leave(self) -> None:
        self.gone.set()


@asynccontextmanager
async def stream(
    app: Any,
    method: str,
    path: str,
    *,
    json: Any = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    chunks: list[bytes] | None = None,
) -> AsyncIterator[Stream]:
    """A request whose answer is read as it arrives. `chunks` sends the body in pieces and never ends it."""
    content, sent = _encoded(json, body, headers)
    pieces = [{"type": "http.request", "body": content, "more_body": False}]
    if chunks is not None:
        pieces = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    self = Stream(asyncio.Queue())
    self.reading.set()

    async def receive() -> dict[str, Any]:
        if pieces:
            return pieces.pop(0)
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        await self.reading.wait()
        self.sent += 1
        if message["type"] == "http.response.start":
            await self.messages.put(message)
        else:
            await self.messages.put({"body": message.get("body", b"")})
            if not message.get("more_body", False):
                await self.messages.put(None)

    async def run() -> None:
        try:
            await app(http_scope(method, path, sent), receive, send)
        finally:
            await self.messages.put(None)

    task = asyncio.create_task(run())
    self.task = task  # type: ignore[attr-defined]
    try:
        await self.begin()
        yield self
    finally:
        self.leave()
        self.reading.set()
        await asyncio.wait_for(task, PATIENCE)


class Socket:
    """The client's side of a WebSocket."""

    def __init__(self) -> None:
        self.inbound: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outbound: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.accepted = False
        self.closed: int | None = None

    async def send(self, value: Any) -> None:
        text = value if isinstance(value, str) else jsonlib.dumps(value)
        await self.inbound.put({"type": "websocket.receive", "text": text})

    async def receive(self) -> Any:
        message = await asyncio.wait_for(self.outbound.get(), PATIENCE)
        assert message["type"] == "websocket.send", message
        return jsonlib.loads(message["text"])


@asynccontextmanager
async def socket(app: Any, path: str = "/ws", headers: Mapping[str, str] | None = None) -> AsyncIterator[Socket]:
    """A WebSocket connection; `accepted` says whether the server took it."""
    self = Socket()
    scope = {**http_scope("GET", path, headers or {}), "type": "websocket", "subprotocols": []}
    await self.inbound.put({"type": "websocket.connect"})
    ready = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if self.closed is not None:
            raise RuntimeError(f"{message['type']} after websocket.close")  # as servers have it
        if message["type"] == "websocket.accept":
            self.accepted = True
            ready.set()
        elif message["type"] == "websocket.close":
            self.closed = message["code"]
            ready.set()
            await self.outbound.put(message)
        else:
            await self.outbound.put(message)

    task = asyncio.create_task(app(scope, self.inbound.get, send))
    try:
        await asyncio.wait_for(ready.wait(), PATIENCE)
        yield self
    finally:
        await self.inbound.put({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(task, PATIENCE)
