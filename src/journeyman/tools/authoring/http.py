"""`ctx.http`: requests of a tool, made by the server behind the service's guard. One class each for async and plain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from journeyman.egress.http_messages import MOST_BYTES, REPLY_BYTES, HttpReply, HttpRequest
from journeyman.errors import ToolExecutionError
from journeyman.tools.spec import CallRequest

_KEY = "idempotency-key"


class _Requests:
    """Writes requests. Those of an `idempotent` call carry its key: the first as it is, later ones with `.2`, `.3`."""

    def __init__(self, call: CallRequest) -> None:
        self._key = call.idempotency_key if call.spec.policy.effects == "idempotent" else None
        self._made = 0

    def make(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | str = b"",
        max_bytes: int = REPLY_BYTES,
        public_only: bool = False,
    ) -> HttpRequest:
        given = {name.lower(): value for name, value in (headers or {}).items()}
        body = content.encode() if isinstance(content, str) else content
        if json is not None:
            body = msgspec.json.encode(json)
            given.setdefault("content-type", "application/json")
        if len(body) > MOST_BYTES:
            raise ToolExecutionError(f"the body has more than {MOST_BYTES} bytes", code="request_too_large")
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params, doseq=True)}"
        self._made += 1
        if self._key is not None:
            given.setdefault(_KEY, self._key if self._made == 1 else f"{self._key}.{self._made}")
        return HttpRequest(method.upper(), url, given, body, min(max_bytes, MOST_BYTES), public_only)


class Http:
    """For `async def` tools. Raises ServiceError; a status of any kind is a reply.

    Keywords: `headers`, `params` (query), `json` or `content` (body), `max_bytes` (of the reply, 1 MiB; at most 8 MiB),
    `public_only` (the URL is somebody else's: refuse private addresses even of configured services).
    """

    def __init__(self, call: CallRequest, send: Callable[[HttpRequest], Awaitable[HttpReply]]) -> None:
        self._requests = _Requests(call)
        self._send = send

    async def request(self, method: str, url: str, **given: Any) -> HttpReply:
        return await self._send(self._requests.make(method, url, **given))

    async def get(self, url: str, **given: Any) -> HttpReply:
        return await self.request("GET", url, **given)

    async def head(self, url: str, **given: Any) -> HttpReply:
        return await self.request("HEAD", url, **given)

    async def post(self, url: str, **given: Any) -> HttpReply:
        return await self.request("POST", url, **given)

    async def put(self, url: str, **given: Any) -> HttpReply:
        return await self.request("PUT", url, **given)

    async def patch(self, url: str, **given: Any) -> HttpReply:
        return await self.request("PATCH", url, **given)

    async def delete(self, url: str, **given: Any) -> HttpReply:
        return await self.request("DELETE", url, **given)


class BlockingHttp:
    """For plain `def` tools: the same, blocking. The server makes the request, one at a time for each call."""

    def __init__(self, call: CallRequest, send: Callable[[HttpRequest], HttpReply]) -> None:
        self._requests = _Requests(call)
        self._send = send

    def request(self, method: str, url: str, **given: Any) -> HttpReply:
        return self._send(self._requests.make(method, url, **given))

    def get(self, url: str, **given: Any) -> HttpReply:
        return self.request("GET", url, **given)

    def head(self, url: str, **given: Any) -> HttpReply:
        return self.request("HEAD", url, **given)

    def post(self, url: str, **given: Any) -> HttpReply:
        return self.request("POST", url, **given)

    def put(self, url: str, **given: Any) -> HttpReply:
        return self.request("PUT", url, **given)

    def patch(self, url: str, **given: Any) -> HttpReply:
        return self.request("PATCH", url, **given)

    def delete(self, url: str, **given: Any) -> HttpReply:
        return self.request("DELETE", url, **given)
