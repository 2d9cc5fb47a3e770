"""Requirement: old and half-closed clients get their answers over real sockets, and limits are as documented."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from journeyman.api.app import build_app
from journeyman.api.dependencies import RequestLimits
from journeyman.clock import SystemClock
from journeyman.runtime.engine.frames import Delta
from journeyman.server.serving.connections import AnsweringSocket, ConnectionBounds, with_connection_bounds
from tests.harness.fake_use_cases import FakeRuns, make_ports

WAIT = 0.1  # seconds that a request waits for its run
HEAD = ConnectionBounds().head_bytes
HI = b'{"user_input":"hi"}'
LIMITS = RequestLimits(ping_seconds=0.05, send_seconds=0.3)


class Served:
    def __init__(self, port: int, runs: FakeRuns) -> None:
        self.port = port
        self.runs = runs

    async def open(self, data: bytes, *, half_close: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        writer.write(data)
        await writer.drain()
        if half_close:
            writer.write_eof()
        return reader, writer

    async def say(self, data: bytes, *, half_close: bool = False) -> bytes:
        """All that the server answers until it closes the connection."""
        reader, writer = await self.open(data, half_close=half_close)
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        return answer


PORTS = make_ports(clock=SystemClock(), limits=LIMITS, request_wait_seconds=WAIT)


@pytest.fixture(scope="module")
def app() -> ASGIApp:
    return build_app(PORTS)


@pytest.fixture
async def served(app: ASGIApp) -> AsyncIterator[Served]:
    runs = PORTS.runs
    assert isinstance(runs, FakeRuns)
    runs.__init__()  # type: ignore[misc]
    config = uvicorn.Config(
        app,
        log_level="critical",
        lifespan="off",
        http=with_connection_bounds(ConnectionBounds()),
        ws=AnsweringSocket,
        ws_max_size=RequestLimits().body_bytes,
    )
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: config.http_protocol_class(config=config, server_state=state, app_state={}), "127.0.0.1"
    )
    yield Served(server.sockets[0].getsockname()[1], runs)
    server.close()
    for connection in list(state.connections):
        connection.transport.abort()
    await until(lambda: not state.tasks)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def post(body: bytes, *lines: bytes, version: bytes = b"1.1", path: bytes = b"/process") -> bytes:
    head = [b"POST " + path + b" HTTP/" + version, b"Host: localhost", b"Content-Type: application/json"]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), *lines, b"", body])


def parts(answer: bytes) -> tuple[int, bytes, bytes]:
    """Status, headers in lower case, body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head.lower(), body


# --- half-closed clients


async def test_a_client_that_has_sent_all_gets_its_answer(served: Served) -> None:
    status, _, body = parts(await served.say(post(b'{"user_input":"hang"}'), half_close=True))
    assert (status, json.loads(body)["status"]) == (202, "running")


async def test_requests_in_a_row_are_all_answered_before_the_connection_ends(served: Served) -> None:
    answer = await served.say(post(b'{"user_input":"hang"}') + post(HI) + post(HI), half_close=True)
    assert (answer.count(b"HTTP/1.1 202 "), answer.count(b"HTTP/1.1 200 ")) == (1, 2)


@pytest.mark.parametrize("more", [(), (b"Origin: http://localhost",)], ids=["direct", "browser"])
async def test_a_stream_goes_on_for_a_client_that_has_sent_all(served: Served, more: tuple[bytes, ...]) -> None:
    request = post(b'{"user_input":"hang"}', b"Accept: text/event-stream", *more)
    reader, writer = await served.open(request, half_close=True)
    async with asyncio.timeout(5):
        await reader.readuntil(b": ping")  # the server has seen the end of what was sent
        await served.runs.live["run_1"].put(Delta("m1", 1, 0, "late"))
        await reader.readuntil(b"late")
        await served.runs.live["run_1"].put(None)
        assert (await reader.read()).endswith(b"0\r\n\r\n")
    assert served.runs.watchers == 0
    writer.close()


async def test_a_stream_whose_client_is_gone_ends_with_what_is_written_next(served: Served) -> None:
    request = post(b'{"user_input":"hang"}', b"Accept: text/event-stream")
    reader, writer = await served.open(request)
    await reader.readuntil(b"run_started")
    writer.close()
    await until(lambda: served.runs.watchers == 0)


@pytest.mark.parametrize("accept", [b"*/*", b"text/event-stream"])
@pytest.mark.parametrize("more", [(), (b"Origin: http://localhost",)], ids=["direct", "browser"])
async def test_with_on_disconnect_cancel_the_end_of_what_is_sent_is_a_disconnect(
    served: Served, accept: bytes, more: tuple[bytes, ...]
) -> None:
    body = b'{"user_input":"hang","on_disconnect":"cancel"}'
    _, writer = await served.open(post(body, b"Accept: " + accept, *more), half_close=True)
    await until(lambda: served.runs.cancelled == [("run_1", "disconnected")])
    writer.close()


async def test_half_a_body_gets_no_answer(served: Served) -> None:
    assert await served.say(post(HI)[:-3], half_close=True) == b""
    assert served.runs.results == {}


# --- HTTP/1.0


async def test_http_1_0_gets_no_chunks(served: Served) -> None:
    stream = post(HI, b"Accept: text/event-stream", version=b"1.0")
    status, head, body = parts(await served.say(stream))
    assert status == 200
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body.startswith(b"retry: 1000\n\nid: 1\nevent: run_accepted\n")
    assert body.endswith(b"\n\n")


async def test_http_1_0_gets_answers_with_a_length(served: Served) -> None:
    status, head, body = parts(await served.say(post(HI, version=b"1.0")))
    assert (status, json.loads(body)["response"]) == (200, "echo: hi")
    assert b"content-length: %d" % len(body) in head
    answer = await served.say(b"HEAD /livez HTTP/1.0\r\n\r\n")
    assert (parts(answer)[0], parts(answer)[2]) == (200, b"")


# --- probes, bodies


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_a_probe_needs_no_known_host(served: Served, method: bytes, version: bytes) -> None:
    head = b"HTTP/" + version + b"\r\nHost: 10.42.0.7:8000\r\nConnection: close\r\n\r\n"
    for path in (b"/livez", b"/readyz"):
        status, headers, body = parts(await served.say(method + b" " + path + b" " + head))
        assert (status, bool(body)) == (200, method == b"GET")
        assert b"content-length: " in headers
    assert parts(await served.say(method + b" /agents " + head))[0] == 421


async def test_a_compressed_body_and_one_with_a_byte_order_mark(served: Served) -> None:
    zipped = await served.say(post(gzip.compress(HI), b"Content-Encoding: gzip", b"Connection: close"))
    status, head, body = parts(zipped)
    assert (status, json.loads(body)["code"]) == (415, "encoded_body")
    assert b"accept-encoding: identity" in head
    assert parts(await served.say(post(b"\xef\xbb\xbf" + HI, b"Connection: close")))[0] == 200


# --- one limit of heads


def head_of(size: int, path: bytes = b"/livez") -> bytes:
    """A request of exactly this size."""
    start = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    lines, left = b"", size - len(start) - len(b"X: \r\n\r\n")
    while left > 9000:
        lines += b"Y: " + b"y" * 995 + b"\r\n"
        left -= 1000
    return start + lines + b"X: " + b"x" * left + b"\r\n\r\n"


@pytest.mark.parametrize("cut", [None, 1, HEAD // 2, HEAD - 1])
@pytest.mark.parametrize(("size", "status"), [(HEAD, 200), (HEAD + 1, 431), (HEAD + 50_000, 431)])
async def test_a_head_has_one_limit_however_it_arrives(served: Served, size: int, status: int, cut: int | None) -> None:
    request = head_of(size)
    assert len(request) == size
    reader, writer = await served.open(request[:cut])
    if cut is not None:
        with suppress(ConnectionError):
            await asyncio.sleep(0)
            writer.write(request[cut:])
    async with asyncio.timeout(5):
        answer = await reader.read()
    assert parts(answer)[0] == status
    assert answer.count(b"HTTP/1.1") == 1
    writer.close()


async def test_the_second_head_of_a_connection_has_the_same_limit(served: Served) -> None:
    first = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for size, status in ((HEAD, 200), (HEAD + 1, 431)):
        reader, writer = await served.open(first)
        async with asyncio.timeout(5):
            await reader.readuntil(b"}")
            writer.write(head_of(size))
            assert parts(await reader.read())[0] == status
        writer.close()
    body = b'{"user_input":"' + b"x" * 200_000 + b'"}'  # bytes of a body do not count
    assert (await served.say(post(body) + head_of(HEAD))).count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize(("size", "accepted"), [(20_000, True), (HEAD, True), (HEAD + 1, False)])
async def test_the_request_of_a_websocket_has_the_same_limit(served: Served, size: int, accepted: bool) -> None:
    lines = (
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    head = lines + b"Z: z\r\n" * 200 + b"Cookie: "
    reader, writer = await served.open(head + b"c" * (size - len(head) - 4) + b"\r\n\r\n")
    async with asyncio.timeout(5):
        assert (await reader.readuntil(b"\r\n")).split()[1] == (b"101" if accepted else b"431")
    writer.close()


# --- one limit of bodies and WebSocket messages


async def test_a_websocket_message_may_be_as_large_as_a_body(served: Served) -> None:
    limit = RequestLimits().body_bytes
    part = '{"type":"text","text":"' + "x" * 400_000 + '"}'
    text = '{"id":"1","type":"start","user_input":[' + f"{part},{part}" + "]"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{served.port}/ws", max_msg_size=0) as ws,
    ):
        await ws.send_str(text + " " * (limit - len(text) - 1) + "}")
        assert json.loads((await ws.receive(5)).data)["type"] == "ack"
        with suppress(ConnectionError):  # refused by its declared length, while it is still sent
            await ws.send_str(text + " " * (limit - len(text)) + "}")
        while (message := await ws.receive(5)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert ws.close_code in (
            1009,
            1006,
        )  # 1006: the close frame was lost with the bytes that the server did not read
    assert len(served.runs.results) == 1
