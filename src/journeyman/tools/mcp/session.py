"""What is said to a server over its channel: agreeing on a revision, reading its tools, calling them."""

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

_FOREVER = 86_400.0
_CLIENT: dict[str, JSON] = {"name": "journeyman", "version": "1"}  # of this client, not of the package

IDEMPOTENCY_KEY = "journeyman/idempotencyKey"  # in the `_meta` of a call: stable over its tries

T = TypeVar("T")
OnProgress = Callable[[str | float], None]


class ToolsCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call by the server's own name for the tool."""

    tool: str
    arguments: dict[str, JSON]
    idempotency_key: str
    mirrored: Mirrored = {}


class SessionGuard(Protocol):
    """What every request to a server passes: limits, breaker, and no retry of its own."""

    async def __call__(self, server: str, work: Callable[[], Awaitable[T]], /) -> T: ...


async def unguarded(server: str, work: Callable[[], Awaitable[T]]) -> T:
    """Lets everything through."""
    return await work()


class Session:
    """One connection's conversation. `stale` is set when the server's tools may have changed."""

    def __init__(
        self, name: str, channel: McpChannel, ids: Ids, patience: McpTimeouts, guard: SessionGuard = unguarded
    ) -> None:
        self._name = name
        self._channel = channel
        self._ids = ids
        self._patience = patience
        self._guard = guard
        self._progress: dict[str, OnProgress] = {}
        self._changes = False
        self.version: str | None = None
        self.calls = 0  # under way
        self.stale = asyncio.Event()

    async def open(self) -> None:
        """Agree on a revision: the stateless one if the server has it, else a handshake.

        Raises ServiceError when there is none, or the server cannot be had.
        """
        if not await self._discover():
            await self._initialize()

    async def tools(self) -> list[JSON]:
        """What the server says of its tools, all pages of it."""
        described: list[JSON] = []
        cursors: set[str] = set()
        params: dict[str, JSON] = {}
        for _ in range(self._patience.pages):
            page = await self._request("tools/list", params, self._patience.request)
            tools, cursor = page.get("tools"), page.get("nextCursor")
            described += tools if isinstance(tools, list) else []
            if not isinstance(cursor, str) or cursor in cursors:
                break
            cursors.add(cursor)
            params = {"cursor": cursor}
        return described

    async def call(self, call: ToolsCall, seconds: float, on_progress: OnProgress) -> dict[str, Any]:
        """The result of `tools/call`. The caller bounds the wait; cancelled, the server is told.

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

    async def follow(self) -> bool:
        """Listen for changes until the stream of them ends. False: this server has none."""
        if self.version != STATELESS_VERSION:
            return await self._channel.follow()
        if not self._changes:
            return False
        try:
            await self._request("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, _FOREVER)
        except RemoteError:
            return False
        return True

    async def _discover(self) -> bool:
        """Whether the server speaks the stateless revision. Whatever is no clear yes is a no."""
        self.version = STATELESS_VERSION
        self._channel.agree(STATELESS_VERSION)
        try:
            async with asyncio.timeout(self._patience.probe):
                found = await self._request("server/discover", {}, self._patience.probe)
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
        self.version = None
        self._channel.agree(None)
        params: dict[str, JSON] = {"protocolVersion": HANDSHAKE_VERSION, "capabilities": {}, "clientInfo": _CLIENT}
        try:
            found = await self._request("initialize", params, self._patience.request)
        except RemoteError as exc:
            # A server that started slowly may have answered the first question after all, and be held to it.
            if exc.number == UNSUPPORTED_VERSION and await self._discover():
                return
            raise
        version = found.get("protocolVersion")
        if version not in HANDSHAKE_VERSIONS:
            raise ServiceError(f"the MCP server {self._name} speaks only the revision {str(version)[:40]!r}")
        self.version = str(version)
        self._channel.agree(self.version)
        self._read_capabilities(found)
        await self._channel.tell("notifications/initialized", {})

    def _read_capabilities(self, found: dict[str, Any]) -> None:
        match found.get("capabilities"):
            case {"tools": {"listChanged": True}}:
                self._changes = True

    async def _request(
        self,
        method: str,
        params: dict[str, JSON],
        seconds: float,
        headers: dict[str, str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> dict[str, Any]:
        """The one way out: every request passes the guard here."""
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
        )
        try:
            reply = await self._guard(self._name, lambda: self._channel.ask(outgoing))
        finally:
            self._progress.pop(request_id, None)
        if reply.error is not None:
            raise RemoteError(reply.error)
        return reply.result or {}

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
    """The message if there is one, else the share done."""
    if isinstance(text := params.get("message"), str) and text:
        return text[:1000]
    match params:
        case {"progress": int() | float() as done, "total": int() | float() as total} if total > 0:
            return min(max(done / total, 0.0), 1.0)
    return None
