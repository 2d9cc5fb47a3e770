"""JSON-RPC as MCP speaks it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journeyman.tools.mcp.failure_text import WITHHELD
from journeyman.tools.mcp.messages import (
    METHOD_NOT_FOUND,
    STATELESS_VERSION,
    Outgoing,
    RemoteError,
    RpcFault,
    RpcMessage,
    answer_to,
    cancelled,
    decode_rpc,
    envelope,
    notification,
    request,
)


def read(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(data)
    return found


def test_what_goes_out() -> None:
    asked = read(request(Outgoing(id="1", method="tools/list", params={"cursor": "c"}, seconds=5)))
    assert asked == {"jsonrpc": "2.0", "id": "1", "method": "tools/list", "params": {"cursor": "c"}}
    assert read(notification("notifications/initialized", {})).keys() == {"jsonrpc", "method", "params"}
    assert read(cancelled("1"))["params"]["requestId"] == "1"


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b'{"id": 1, "result": {}}', True),
        (b'{"id": "1", "error": {"code": -1, "message": "no"}}', True),
        (b'{"id": 1, "method": "ping"}', False),
        (b'{"method": "notifications/progress"}', False),
        (b'{"id": 1}', False),
    ],
)
def test_which_messages_are_replies(data: bytes, reply: bool) -> None:
    message = decode_rpc(data)
    assert message is not None
    assert message.is_reply is reply


@pytest.mark.parametrize("data", [b"", b"[]", b"hello", b'{"id": {}}', b"\xff", "\ud83d"])
def test_what_is_no_message(data: bytes | str) -> None:
    assert decode_rpc(data) is None


def test_a_server_may_ping_and_is_offered_nothing_else() -> None:
    assert read(answer_to(RpcMessage(id=1, method="ping"))) == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert read(answer_to(RpcMessage(id=2, method="roots/list")))["error"]["code"] == METHOD_NOT_FOUND


def test_an_error_of_the_server_keeps_its_number() -> None:
    error = RemoteError(RpcFault(-32602, "x" * 5000, {"a": 1}))
    assert (error.number, len(error.message)) == (-32602, 1000)
    assert RemoteError(RpcFault(7)).message == "error 7"


def test_a_stack_trace_is_for_the_log_only() -> None:
    trace = "Error: no pool\n    at open (/app/db.js:41:9)"
    error = RemoteError(RpcFault(-32603, trace))
    assert (error.message, error.detail) == (WITHHELD, trace)


def test_the_stateless_revision_says_who_asks_with_every_request() -> None:
    meta = envelope({"name": "journeyman"})
    assert meta["io.modelcontextprotocol/protocolVersion"] == STATELESS_VERSION
    assert meta["io.modelcontextprotocol/clientInfo"] == {"name": "journeyman"}
