"""The JSON-RPC 2.0 messages of MCP, for the handshake revisions and the stateless one. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from journeyman.errors import ServiceError
from journeyman.events.messages import JSON
from journeyman.tools.mcp.failure_text import shown_failure

HANDSHAKE_VERSION = "2025-11-25"
HANDSHAKE_VERSIONS = (HANDSHAKE_VERSION, "2025-06-18", "2025-03-26", "2024-11-05")
STATELESS_VERSION = "2026-07-28"

MAX_MESSAGE = 8 << 20  # bytes of one message
UNSUPPORTED_VERSION = -32022
METHOD_NOT_FOUND = -32601

_META = "io.modelcontextprotocol/"


class RpcFault(msgspec.Struct):
    """The `error` object of a reply."""

    code: int = 0
    message: str = ""
    data: Any = None


class RpcMessage(msgspec.Struct):
    """A message: a reply has `result` or `error`, a request `id` and `method`, a notification only `method`."""

    id: str | int | None = None
    method: str | None = None
    params: dict[str, Any] = {}
    result: dict[str, Any] | None = None
    error: RpcFault | None = None
    size: int = 0  # bytes of the message; never what the message itself says

    @property
    def is_reply(self) -> bool:
        """Whether the message is a reply to a request."""
        return self.method is None and self.id is not None and (self.result is not None or self.error is not None)


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request to a server. `headers` are for HTTP; `seconds` is the idle timeout of the answer.

    `most_bytes`: what may be read for the answer, notifications before it included; None: each message has a limit.
    """

    id: str
    method: str
    params: dict[str, JSON]
    headers: dict[str, str] = {}
    seconds: float
    most_bytes: int | None = None


class RemoteError(ServiceError):
    """The server answered with an error: `number` is the code of JSON-RPC, `detail` the server's own words."""

    default_code = "mcp_error"

    def __init__(self, fault: RpcFault) -> None:
        super().__init__(shown_failure(fault.message)[:1000] or f"error {fault.code}", detail=fault.message)
        self.number = fault.code


class LostError(ServiceError):
    """The connection ended. `sent`: the request had been sent, so the server may have acted on it.

    `detail`: the last words that the server wrote to stderr, which are for the log only.
    """

    default_code = "mcp_connection_lost"

    def __init__(self, message: str, *, sent: bool = False, detail: str | None = None) -> None:
        super().__init__(message, detail=detail)
        self.sent = sent


class OldTransportError(ServiceError):
    """The server speaks the HTTP+SSE transport of 2024, which is not supported."""

    default_code = "mcp_refused"

    def __init__(self, server: str) -> None:
        super().__init__(
            f"the MCP server {server} speaks the old HTTP+SSE transport, which is not supported: "
            "give the `url` of its streamable HTTP endpoint"
        )


_decoder = msgspec.json.Decoder(RpcMessage)


def decode_rpc(data: bytes | str) -> RpcMessage | None:
    """Return the message in `data`; None if it is not a message."""
    try:
        message = _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    message.size = len(data)
    return message


def request(outgoing: Outgoing) -> bytes:
    """Encode a request."""
    return _encode({"id": outgoing.id, "method": outgoing.method, "params": outgoing.params})


def notification(method: str, params: dict[str, JSON]) -> bytes:
    """Encode a notification."""
    return _encode({"method": method, "params": params})


def cancelled(request_id: str) -> bytes:
    """Encode the notification that a request is cancelled."""
    return notification("notifications/cancelled", {"requestId": request_id, "reason": "no longer needed"})


def answer_to(asked: RpcMessage) -> bytes:
    """Encode the reply to a request of the server: only `ping` is supported."""
    if asked.method == "ping":
        return _encode({"id": asked.id, "result": {}})
    return _encode({"id": asked.id, "error": {"code": METHOD_NOT_FOUND, "message": "this client does not offer that"}})


def envelope(client: dict[str, JSON]) -> dict[str, JSON]:
    """Return the `_meta` that every request of the stateless revision carries. `client`: name and version."""
    return {
        f"{_META}protocolVersion": STATELESS_VERSION,
        f"{_META}clientInfo": client,
        f"{_META}clientCapabilities": {},
    }


def _encode(body: dict[str, JSON]) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", **body})
