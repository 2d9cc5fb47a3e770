"""A session with an MCP server: it agrees on a revision, reads the server's tools and calls them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import msgspec

from journeyman.errors import ServiceError, ServiceUnavailableError
from journeyman.events.messages import JSON
from journeyman.ids import Ids
from journeyman.tools.mcp.channel import McpChannel
from journeyman.tools.mcp.config import McpTimeouts
from journeyman.tools.mcp.messages import (
    HANDSHAKE_VERSION,
    HANDSHAKE_VERSIONS,
    STATELESS_VERSION,
    UNSUPPORTED_VERSION,
    LostError,
    Outgoing,
    RemoteError,
    RpcMessage,
    envelope,
)
from journeyman.tools.mcp.parameter_headers import Mirrored, header_value, parameter_headers
from journeyman.tools.mcp.tool_pages import ToolPages

_DAY = 86_400.0
_CLIENT: dict[str, JSON] = {"name": "journeyman", "version": "1"}  # the client's version, not the package's

IDEMPOTENCY_KEY = "journeyman/idempotencyKey"  # in the `_meta` of a call; the same for all its tries

T = TypeVar("T")
OnProgress = Callable[[str | float], None]


class ToolsCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a tool by its name on the server."""

    tool: str
    arguments: dict[str, JSON]
    idempotency_key: str
    mirrored: Mirrored = {}


class SessionGuard(Protocol):
    """The guard of every request to a server: limits and a circuit breaker, without retries."""

    async def __call__(self, server: str, work: Callable[[], Awaitable[T]], /) -> T:
        """Run `work` behind the guard of the server and return its result. Raises ServiceError."""
        ...


async def unguarded(server: str, work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` without a guard."""
    return await work()


class Session:
    """A session over one channel. `stale` is set when the server's tools may have changed."""

    def __init__(
        self, name: str, channel: McpChannel, ids: Ids, timeouts: McpTimeouts, guard: SessionGuard = unguarded
    ) -> None:
        self._name = name
        self._channel = channel
        self._ids = ids
        self._timeouts = timeouts
        self._guard = guard
        self._progress: dict[str, OnProgress] = {}
        self._announces_changes = False
        self.version: str | None = None
        self.calls = 0  # in progress
        self.stale = asyncio.Event()

    async def open(self) -> None:
        """Agree on a revision: the stateless one if the server supports it, else by a handshake.

        Raises ServiceError if they have no revision in common, or the server cannot be reached.
        """
        if not await self._discover():
            await self._initialize()

    async def tools(self) -> ToolPages:
        """Read the server's descriptions of its tools, page by page, within bounds.

        Raises ServiceError (`service_reply_too_large` if the first page is too large).
        """
        pages, more = ToolPages(), True
        while more:
            params: dict[str, JSON] = {} if pages.cursor is None else {"cursor": pages.cursor}
            try:
                page = await self._reply("tools/list", params, self._timeouts.request, most_bytes=pages.room)
            except ServiceError as exc:
                if pages.cursor is None or exc.code != "service_reply_too_large":
                    raise
                pages.stop()
                break
            more = pages.add(page.result or {}, page.size)
        return pages

    async def call(self, call: ToolsCall, seconds: float, on_progress: OnProgress) -> dict[str, Any]:
        """Make a `tools/call` and return its result. `seconds`: the idle timeout. A cancellation is sent to the server.

        Raises RemoteError, LostError or another ServiceError.
        """
        headers = {"Mcp-Name": header_value(call.tool), **parameter_headers(call.mirrored, call.arguments)}
        self.calls += 1
        try:
            params: dict[str, JSON] = {
                "name": call.tool,
                "arguments": call.arguments,
                "_meta": {IDEMPOTENCY_KEY: call.idempotency_key},
            }
            return await self._request("tools/call", params, seconds, headers, on_progress)
        finally:
            self.calls -= 1

    async def listen(self) -> bool:
        """Listen for changes until their stream ends. Returns False if the server has no such stream."""
        if self.version != STATELESS_VERSION:
            return await self._channel.listen()
        if not self._announces_changes:
            return False
        try:
            await self._request("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, _DAY)
        except RemoteError:
            return False
        return True

    async def _discover(self) -> bool:
        """Find out if the server supports the stateless revision; an unclear answer means that it does not."""
        self.version = STATELESS_VERSION
        self._channel.set_version(STATELESS_VERSION)
        try:
            async with asyncio.timeout(self._timeouts.probe):
                found = await self._request("server/discover", {}, self._timeouts.probe)
        except (LostError, ServiceUnavailableError):
            raise
        except TimeoutError:
            return False
        except ServiceError as exc:
            if exc.code == "mcp_refused":
                raise
            return False
        versions = found.get("supportedVersions")
        if not isinstance(versions, list) or STATELESS_VERSION not in versions:
            return False
        self._read_capabilities(found)
        return True

    async def _initialize(self) -> None:
        """Do the handshake of the older revisions. Raises ServiceError."""
        self.version = None
        self._channel.set_version(None)
        params: dict[str, JSON] = {"protocolVersion": HANDSHAKE_VERSION, "capabilities": {}, "clientInfo": _CLIENT}
        try:
            found = await self._request("initialize", params, self._timeouts.request)
        except RemoteError as exc:
            # A slow server may have answered the first request after its timeout, and expects that revision now.
            if exc.number == UNSUPPORTED_VERSION and await self._discover():
                return
            raise
        version = found.get("protocolVersion")
        if version not in HANDSHAKE_VERSIONS:
            raise ServiceError(f"the MCP server {self._name} speaks only the revision {str(version)[:40]!r}")
        self.version = str(version)
        self._channel.set_version(self.version)
        self._read_capabilities(found)
        await self._channel.notify("notifications/initialized", {})

    def _read_capabilities(self, found: dict[str, Any]) -> None:
        match found.get("capabilities"):
            case {"tools": {"listChanged": True}}:
                self._announces_changes = True

    async def _request(
        self,
        method: str,
        params: dict[str, JSON],
        seconds: float,
        headers: dict[str, str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> dict[str, Any]:
        """Send a request through the guard and return the result. Raises RemoteError if the reply is an error."""
        return (await self._reply(method, params, seconds, headers, on_progress)).result or {}

    async def _reply(
        self,
        method: str,
        params: dict[str, JSON],
        seconds: float,
        headers: dict[str, str] | None = None,
        on_progress: OnProgress | None = None,
        *,
        most_bytes: int | None = None,
    ) -> RpcMessage:
        """Send a request through the guard and return the reply. Raises RemoteError if it is an error."""
        request_id = self._ids.new("mcp")
        meta = envelope(_CLIENT) if self.version == STATELESS_VERSION else {}
        if on_progress is not None:
            meta["progressToken"] = request_id
            self._progress[request_id] = on_progress
        outgoing = Outgoing(
            id=request_id,
            method=method,
            params={**params, "_meta": {**params.get("_meta", {}), **meta}} if meta else params,
            headers={"Mcp-Method": method, **(headers or {})} if self.version == STATELESS_VERSION else {},
            seconds=seconds,
            most_bytes=most_bytes,
        )
        try:
            reply = await self._guard(self._name, lambda: self._channel.send_request(outgoing))
        finally:
            self._progress.pop(request_id, None)
        if reply.error is not None:
            raise RemoteError(reply.error)
        return reply

    def notified(self, message: RpcMessage) -> None:
        """Handle a notification: the tools changed, or a call made progress. Others are ignored."""
        if message.method == "notifications/tools/list_changed":
            self.stale.set()
        elif message.method == "notifications/progress":
            token = message.params.get("progressToken")
            on_progress = self._progress.get(token) if isinstance(token, str) else None
            if on_progress is not None and (value := _progress_of(message.params)) is not None:
                on_progress(value)


def _progress_of(params: dict[str, Any]) -> str | float | None:
    """Return the message of a progress notification, or the fraction done; None if it has neither."""
    if isinstance(text := params.get("message"), str) and text:
        return text[:1000]
    match params:
        case {"progress": int() | float() as done, "total": int() | float() as total} if total > 0:
            return min(max(done / total, 0.0), 1.0)
    return None
