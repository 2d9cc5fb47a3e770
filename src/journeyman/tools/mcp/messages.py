"""JSON-RPC 2.0 as MCP speaks it, in both revisions: what goes out and what comes in. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from journeyman.errors import ServiceError
from journeyman.events.messages import JSON

HANDSHAKE_VERSION = "2025-11-25"
HANDSHAKE_VERSIONS = (HANDSHAKE_VERSION, "2025-06-18", "2025-03-26", "2024-11-05")
STATELESS_VERSION = "2026-07-28"

MAX_MESSAGE = 8 << 20  # bytes of one message
UNSUPPORTED_VERSION = -32022
METHOD_NOT_FOUND = -32601

_META = "io.modelcontextprotocol/"


class RpcFault(msgspec.Struct):
    """The `error` of a reply."""

    code: int = 0
    message: str = ""
    data: Any = None


class RpcMessage(msgspec.Struct):
    """Any message: a reply has `result` or `error`, a request has `id` and `method`, a notification only `method`."""

    id: str | int | None = None
    method: str | None = None
    params: dict[str, Any] = {}
    result: dict[str, Any] | None = None
    error: RpcFault | None = None

    @property
    def is_reply(self) -> bool:
        return self.method is None and self.id is not None and (self.result is not None or self.error is not None)


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request on its way out. `headers` are for HTTP; `seconds` bounds the silence of its answer."""

    id: str
    method: str
    params: dict[str, JSON]
    headers: dict[str, str] = {}
    seconds: float


class RemoteError(ServiceError):
    """The server answered with an error: `number` is JSON-RPC's code, `data` whatever it added."""

    default_code = "mcp_error"

    def __init__(self, fault: RpcFault) -> None:
        super().__init__(fault.message[:1000] or f"error {fault.code}")
        self.number = fault.code
        self.data = fault.data


class LostError(ServiceError):
    """The connection ended. `sent`: the request had gone out, so it may have been acted on."""

    default_code = "mcp_connection_lost"

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


_decoder = msgspec.json.Decoder(RpcMessage)


def decode_rpc(data: bytes | str) -> RpcMessage | None:
    """A message; None for anything that is none."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def request(outgoing: Outgoing) -> bytes:
    return _encode({"id": outgoing.id, "method": outgoing.method, "params": outgoing.params})


def notification(method: str, params: dict[str, JSON]) -> bytes:
    return _encode({"method": method, "params": params})


def cancelled(request_id: str) -> bytes:
    return notification("notifications/cancelled", {"requestId": request_id, "reason": "no longer needed"})


def answer_to(asked: RpcMessage) -> bytes:
    """What a server's request gets: ping is answered, nothing else is offered."""
    if asked.method == "ping":
        return _encode({"id": asked.id, "result": {}})
    return _encode({"id": asked.id, "error": {"code": METHOD_NOT_FOUND, "message": "this client does not offer that"}})


def envelope(client: dict[str, JSON]) -> dict[str, JSON]:
    """The `_meta` that every request of the stateless revision carries."""
    return {
        f"{_META}protocolVersion": STATELESS_VERSION,
        f"{_META}clientInfo": client,
        f"{_META}clientCapabilities": {},
    }


def _encode(body: dict[str, JSON]) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", **body})
