"""Large bodies that are on their way are bounded for each principal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from journeyman.api.app import build_app
from journeyman.api.dependencies import RequestLimits
from journeyman.api.json_body import read_body
from journeyman.api.security.body_bytes import SMALL_BYTES, BodyBytes
from journeyman.api.security.request_context import RequestContext
from journeyman.auth.principal import Caller
from journeyman.errors import ResourceError
from tests.harness.asgi_client import http_scope, request, socket
from tests.harness.fake_use_cases import FakeRuns, make_ports

LARGE = "x" * (2 * SMALL_BYTES)
JSON = {"content-type": "application/json"}
LIMIT = 5 * SMALL_BYTES  # two of them do not fit


def of(principal: str, bodies: BodyBytes, headers: dict[bytes, bytes]) -> RequestContext:
    return RequestContext(Caller(principal=principal, scopes=frozenset()), "req_1", headers, bodies=bodies)


def receiving(*pieces: bytes) -> Any:
    async def messages() -> AsyncIterator[dict[str, Any]]:
        for number, piece in enumerate(pieces, 1):
            yield {"type": "http.request", "body": piece, "more_body": number < len(pieces)}

    return messages().__anext__


async def test_one_who_sends_too_much_at_a_time_is_refused_and_another_is_not() -> None:
    bodies = BodyBytes(LIMIT)
    size = {b"content-length": str(4 * SMALL_BYTES).encode()}
    slow = of("ada", bodies, size)  # of which nothing has arrived yet
    slow.hold_body(4 * SMALL_BYTES)
    with pytest.raises(ResourceError) as refused:
        await read_body(of("ada", bodies, size), receiving(b"{}"), RequestLimits())
    assert (refused.value.code, refused.value.retry_after) == ("too_many_bytes", 1)
    assert await read_body(of("ada", bodies, {}), receiving(b"{}"), RequestLimits()) == b"{}"
    assert await read_body(of("bob", bodies, size), receiving(b"{}"), RequestLimits()) == b"{}"
    slow.release_body()
    assert await read_body(of("ada", bodies, size), receiving(b"{}"), RequestLimits()) == b"{}"


async def test_bytes_without_a_length_are_counted_as_they_arrive() -> None:
    bodies = BodyBytes(LIMIT)
    bodies.hold("ada", 4 * SMALL_BYTES)
    context = of("ada", bodies, {})
    with pytest.raises(ResourceError):
        await read_body(context, receiving(*[b"x" * SMALL_BYTES] * 3), RequestLimits())
    context.release_body()
    bodies.hold("ada", SMALL_BYTES)


async def test_a_body_counts_until_its_run_is_stored_and_not_while_the_run_goes_on() -> None:
    ports = make_ports(request_bytes=LIMIT)
    assert isinstance(ports.runs, FakeRuns)
    app = build_app(ports)
    waiting = [
        asyncio.create_task(request(app, "POST", "/process", json={"user_input": "hang", "context": {"a": LARGE}}))
        for _ in range(3)
    ]
    while len(ports.runs.inputs) < 3:
        await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@asynccontextmanager
async def sending_slowly(app: ASGIApp) -> AsyncIterator[None]:
    """A client that has sent most of what one principal may send, and does not end."""
    pieces, waits = [b"x" * (4 * SMALL_BYTES)], asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not pieces:
            waits.set()
            await asyncio.Event().wait()
        return {"type": "http.request", "body": pieces.pop(), "more_body": True}

    async def send(message: Message) -> None:
        """Take an answer that does not come."""

    sending = asyncio.create_task(app(http_scope("POST", "/process", JSON), receive, send))  # type: ignore[arg-type]
    await waits.wait()
    yield
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def test_a_refused_body_is_answered_429_and_leaves_nothing() -> None:
    app = build_app(make_ports(request_bytes=LIMIT))
    async with sending_slowly(app):
        answer = await request(app, "POST", "/process", json={"user_input": LARGE})
    assert (answer.status, answer.json()["code"]) == (429, "too_many_bytes")
    assert answer.headers["retry-after"] == "1"
    assert (await request(app, "POST", "/process", json={"user_input": LARGE})).status == 200


async def test_messages_of_a_socket_count() -> None:
    app = build_app(make_ports(request_bytes=LIMIT))
    message = {"type": "cancel", "id": "1", "run_id": "run_0", "more": LARGE}
    async with socket(app) as ws:
        async with sending_slowly(app):
            await ws.send(message)
            assert (await ws.receive())["code"] == "too_many_bytes"
        for _ in range(4):
            await ws.send(message)
            assert (await ws.receive())["code"] == "invalid_request"
