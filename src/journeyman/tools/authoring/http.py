"""`ctx.http`: HTTP requests of a tool, which the server makes for it. One class is for async tools, one blocks."""

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
    """Builds the requests of one call. Those of an `idempotent` tool carry the call's idempotency key.

    The first request has the key as it is, later ones have `.2`, `.3` and so on appended.
    """

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
        """Build a request. Raises ToolExecutionError if the body is too large."""
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
    """The HTTP client of an `async def` tool.

    Every method returns the reply, whatever its status, and raises ServiceError if there is none. Keywords: `headers`,
    `params` (query), `json` or `content` (body), `max_bytes` (of the reply; 1 MiB by default, at most 8 MiB),
    `public_only` (refuse private addresses, even those of configured services: for URLs from untrusted input).
    """

    def __init__(self, call: CallRequest, send: Callable[[HttpRequest], Awaitable[HttpReply]]) -> None:
        self._requests = _Requests(call)
        self._send = send

    async def request(self, method: str, url: str, **given: Any) -> HttpReply:
        """Make a request. The keywords are those of the class."""
        return await self._send(self._requests.make(method, url, **given))

    async def get(self, url: str, **given: Any) -> HttpReply:
        """Make a GET request."""
        return await self.request("GET", url, **given)

    async def head(self, url: str, **given: Any) -> HttpReply:
        """Make a HEAD request."""
        return await self.request("HEAD", url, **given)

    async def post(self, url: str, **given: Any) -> HttpReply:
        """Make a POST request."""
        return await self.request("POST", url, **given)

    async def put(self, url: str, **given: Any) -> HttpReply:
        """Make a PUT request."""
        return await self.request("PUT", url, **given)

    async def patch(self, url: str, **given: Any) -> HttpReply:
        """Make a PATCH request."""
        return await self.request("PATCH", url, **given)

    async def delete(self, url: str, **given: Any) -> HttpReply:
        """Make a DELETE request."""
        return await self.request("DELETE", url, **given)


class BlockingHttp:
    """The HTTP client of a plain `def` tool: as `Http`, but its methods block. A call has one request at a time."""

    def __init__(self, call: CallRequest, send: Callable[[HttpRequest], HttpReply]) -> None:
        self._requests = _Requests(call)
        self._send = send

    def request(self, method: str, url: str, **given: Any) -> HttpReply:
        """Make a request. The keywords are those of `Http`."""
        return self._send(self._requests.make(method, url, **given))

    def get(self, url: str, **given: Any) -> HttpReply:
        """Make a GET request."""
        return self.request("GET", url, **given)

    def head(self, url: str, **given: Any) -> HttpReply:
        """Make a HEAD request."""
        return self.request("HEAD", url, **given)

    def post(self, url: str, **given: Any) -> HttpReply:
        """Make a POST request."""
        return self.request("POST", url, **given)

    def put(self, url: str, **given: Any) -> HttpReply:
        """Make a PUT request."""
        return self.request("PUT", url, **given)

    def patch(self, url: str, **given: Any) -> HttpReply:
        """Make a PATCH request."""
        return self.request("PATCH", url, **given)

    def delete(self, url: str, **given: Any) -> HttpReply:
        """Make a DELETE request."""
        return self.request("DELETE", url, **given)
