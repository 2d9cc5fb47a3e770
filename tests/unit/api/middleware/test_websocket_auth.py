from __future__ import annotations

from typing import Any

import pytest

from tests.harness.asgi_client import socket
from tests.harness.key_service import BOUNDED
from tests.harness.secured_api import SecuredApp, turn


async def test_a_socket_by_header_or_subprotocol(secured: SecuredApp) -> None:
    offered = {"sec-websocket-protocol": f"journeyman, bearer.{secured.secrets['read']}"}
    for headers in (secured.bearer("read"), offered):
        async with socket(secured.app, headers=headers) as client:
            await client.send({"type": "cancel", "id": "1", "run_id": "r"})
            answer = await client.receive()
            assert (answer["status"], answer["code"]) == (403, "missing_scope")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer wrong"},
        {"sec-websocket-protocol": "journeyman, bearer.wrong"},
        {"sec-websocket-protocol": "bearer.a, bearer.b", "authorization": "Bearer wrong"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_a_socket_that_is_refused_at_once(secured: SecuredApp, headers: dict[str, str]) -> None:
    async with socket(secured.app, headers=headers) as client:
        assert (client.accepted, client.closed) == (False, 1008)


async def test_a_socket_introduces_itself_first(secured: SecuredApp) -> None:
    async with socket(secured.app) as client:
        await client.send({"type": "authenticate", "id": "0", "token": secured.secrets["run"]})
        assert await client.receive() == {"type": "ack", "id": "0"}
        await client.send({"type": "start", "id": "1", "user_input": "hi"})
        assert (await client.receive())["type"] == "ack"


async def test_a_socket_acts_for_another(secured: SecuredApp) -> None:
    key = await secured.keys.create("backend", ["run", "delegate"], limits=BOUNDED)
    headers = {"authorization": f"Bearer {key.secret}", "x-on-behalf-of": "ann"}
    async with socket(secured.app, headers=headers) as client:
        await client.send({"type": "start", "id": "1", "user_input": "hi"})
        assert (await client.receive())["type"] == "ack"
    assert secured.ports.runs.principals == ["key:backend/ann"]  # type: ignore[attr-defined]
    async with socket(secured.app, headers={**secured.bearer("run"), "x-on-behalf-of": "ann"}) as client:
        assert (client.accepted, client.closed) == (False, 1008)
    async with socket(secured.app, headers={"x-on-behalf-of": "ann"}) as client:
        await client.send({"type": "authenticate", "id": "0", "token": secured.secrets["run"]})
        assert (await client.receive())["code"] == "missing_scope"


@pytest.mark.parametrize(
    "first",
    [
        {"type": "authenticate", "id": "0", "token": "wrong"},
        {"type": "start", "id": "1", "user_input": "hi"},
        "nonsense",
        None,
    ],
)
async def test_a_socket_that_does_not_is_closed(secured: SecuredApp, first: Any) -> None:
    """The last says nothing at all, and time runs out."""
    async with socket(secured.app) as client:
        if first is not None:
            await client.send(first)
        answer = await client.receive()
        assert answer["type"] == "error"
        assert (await client.outbound.get())["code"] == 1008


async def test_a_socket_ends_with_its_credential(secured: SecuredApp) -> None:
    new = await secured.keys.create("short", ["read"], ttl_seconds=60)
    async with socket(secured.app, headers={"authorization": f"Bearer {new.secret}"}) as client:
        for _ in range(3):
            await turn(secured, 5)
        assert client.closed is None
        await secured.keys.revoke(new.row.id)
        await turn(secured, 5)
        assert (await client.outbound.get())["code"] == 1008


@pytest.mark.parametrize(
    "command",
    [
        {"type": "start", "id": "1", "user_input": "hi"},
        {"type": "resume", "id": "1", "run_id": "r", "answers": [{"approval": "a", "decision": "approve"}]},
        {"type": "input", "id": "1", "run_id": "r", "text": "yes"},
        {"type": "cancel", "id": "1", "run_id": "r"},
        {"type": "subscribe", "id": "1", "run_id": "r"},
    ],
)
@pytest.mark.parametrize("first", [True, False])
async def test_no_command_of_a_revoked_credential_is_performed(
    secured: SecuredApp, command: dict[str, Any], first: bool
) -> None:
    """A revocation counts at once, not at the next look at the open connections."""
    new = await secured.keys.create("all", ["run", "read", "approve"])
    async with socket(secured.app, headers={} if first else {"authorization": f"Bearer {new.secret}"}) as client:
        if first:
            await client.send({"type": "authenticate", "id": "0", "token": new.secret})
            await client.receive()
        await secured.keys.revoke(new.row.id)
        await client.send(command)
        answer = await client.receive()
        assert (answer["id"], answer["status"], answer["code"]) == ("1", 401, "unauthenticated")
        assert (await client.outbound.get())["code"] == 1008
    assert secured.runs.principals == []


async def test_a_large_first_message_is_refused_unread(secured: SecuredApp) -> None:
    async with socket(secured.app) as client:
        await client.send({"type": "authenticate", "id": "0", "token": secured.secrets["run"], "pad": "x" * (64 << 10)})
        assert (await client.receive())["code"] == "unauthenticated"
