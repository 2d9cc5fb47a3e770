"""A reader of server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.harness.api_client import ApiClient


@dataclass(frozen=True)
class Frame:
    """One event of a stream; `id` is the seq of a stored event, None for a live one."""

    type: str
    data: Any
    id: int | None


class Stream:
    """Frames as they come. `broken` tells whether the connection ended in the middle of a frame or by an error."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.broken = False

    async def _lines(self) -> AsyncIterator[str]:
        """Lines of any length."""
        parts: list[bytes] = []
        async for chunk in self.response.content.iter_any():
            *whole, rest = chunk.split(b"\n")
            for piece in whole:
                yield b"".join([*parts, piece]).decode().rstrip("\r")
                parts = []
            parts.append(rest)

    async def frames(self, seconds: float = 30) -> AsyncIterator[Frame]:
        fields: dict[str, str] = {}
        try:
            async with asyncio.timeout(seconds):
                async for line in self._lines():
                    if not line:
                        if "data" in fields:
                            number = fields.get("id")
                            yield Frame(
                                fields.get("event", "message"),
                                json.loads(fields["data"]),
                                int(number) if number else None,
                            )
                        fields = {}
                    elif not line.startswith(":"):
                        name, _, value = line.partition(":")
                        value = value.removeprefix(" ")
                        fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        except (aiohttp.ClientError, ConnectionError):
            self.broken = True
        self.broken = self.broken or bool(fields)


@asynccontextmanager
async def watch(client: ApiClient, run_id: str, after: int | None = None, header: bool = True) -> AsyncIterator[Stream]:
    """GET /runs/{id}/events as a stream, from after that seq (by Last-Event-ID, or by `?after=`)."""
    headers = {"Accept": "text/event-stream"}
    query = ""
    if after is not None and header:
        headers["Last-Event-ID"] = str(after)
    elif after is not None:
        query = f"?after={after}"
    url = f"{client.server.url}/runs/{run_id}/events{query}"
    async with client.http.get(url, headers=headers) as response:
        assert response.status == 200, f"{response.status}: {await response.text()}"
        assert response.content_type == "text/event-stream"
        yield Stream(response)


@asynccontextmanager
async def process(client: ApiClient, body: dict[str, Any]) -> AsyncIterator[Stream]:
    """POST /process, streamed."""
    headers = {"Accept": "text/event-stream"}
    async with client.http.post(f"{client.server.url}/process", json=body, headers=headers) as response:
        assert response.status == 200, f"{response.status}: {await response.text()}"
        yield Stream(response)
