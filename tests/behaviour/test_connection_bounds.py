"""Requirement: slow and large heads, silent connections and too many of them are bounded. Real sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import uvicorn

from journeyman.server.serving.connection_places import ConnectionPlaces, PlaceLimits
from journeyman.server.serving.connections import (
    AnsweringSocket,
    BoundedProtocol,
    ConnectionBounds,
    sweep,
    with_connection_bounds,
)

BOUNDS = ConnectionBounds(head_seconds=0.2, head_bytes=8192, send_seconds=0.5)
LIMITS = PlaceLimits(connections=8, per_address=6, probes=2)
LARGE = 30 << 20  # bytes, more than the kernel keeps for a client
MESSAGES: dict[str, Any] = {"bytes": bytes(LARGE), "text": "é" * (LARGE // 2)}
SENT: list[str] = []  # large messages of WebSockets that were sent to their end
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
CLOSING = REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
TRUSTED: set[str] = set()  # addresses without a share


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/large":
        await send_large(scope, receive, send)
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        with suppress(OSError):  # what an answer under way meets
            await send({"type": "websocket.send", "text": "hello"})
        return
    if scope["path"] == "/hold":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"held", "more_body": True})
        await receive()
        await receive()
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def send_large(scope: Any, receive: Any, send: Any) -> None:
    """Send more than a client reads that does not read: in one frame, in one body, or in a stream without end."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        kind = scope["query_string"].decode() or "bytes"
        await send({"type": "websocket.send", kind: MESSAGES[kind]})
        SENT.append(kind)
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(LARGE), "more_body": scope["query_string"] == b"open"})
    while not (await receive())["type"].endswith("disconnect"):
        pass


class ReadingSocket(AnsweringSocket):
    bounds = BOUNDS


class Bounded(uvicorn.Server):
    async def on_tick(self, counter: int) -> bool:
        sweep(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    TRUSTED.clear()
    places = ConnectionPlaces(LIMITS, TRUSTED.__contains__)
    http = with_connection_bounds(BOUNDS, places)
    config = uvicorn.Config(hello, port=0, log_level="critical", http=http, ws=ReadingSocket, lifespan="off")
    server = Bounded(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(5):
        while not server.started:
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await asyncio.wait_for(task, 5)


async def say(port: int, *pieces: bytes) -> bytes:
    """All that the server answers until it closes the connection, within 3 s."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
    await writer.drain()
    async with asyncio.timeout(3):
        answer = await reader.read()
    writer.close()
    return answer


async def test_half_a_head_is_answered_408_and_closed(port: int) -> None:
    answers = await asyncio.gather(*(say(port, b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ") for _ in range(5)))
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)


@pytest.mark.parametrize("line", [b"content-length: 5", b"transfer-encoding: chunked", b"x: " + b"y" * 8500])
async def test_an_upgrade_that_cannot_be_read_is_answered(port: int, line: bytes) -> None:
    """It reached no application: the connection was kept without a bound."""
    upgrade = b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    answer = await say(port, upgrade + line + b"\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))


@pytest.mark.parametrize("leaving", [False, True])
async def test_text_that_is_none_closes_the_socket_quietly(
    port: int, caplog: pytest.LogCaptureFixture, leaving: bool
) -> None:
    caplog.set_level(logging.ERROR)
    caplog.set_level(logging.ERROR, "uvicorn.error")
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/ws") as socket:
        transport = socket._writer.transport
        transport.write(b"\x81\x82\0\0\0\0\xff\xfe" + (b"\x88\x82\0\0\0\0\x03\xe8" if leaving else b""))
        assert (await socket.receive(3)).type is aiohttp.WSMsgType.CLOSE
    assert socket.close_code == (1000 if leaving else 1007)
    assert caplog.records == []


async def test_an_answer_behind_a_broken_frame_is_for_a_client_that_is_gone(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer may be under way when a broken frame closes the socket: that is no error."""
    caplog.set_level(logging.ERROR)
    caplog.set_level(logging.ERROR, "uvicorn.error")
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/ws") as socket:
        socket._writer.transport.write(b"\x83\x82\0\0\0\0hi")  # opcode 3 is none
        assert (await socket.receive(3)).type is aiohttp.WSMsgType.CLOSE
    assert socket.close_code == 1002
    await say(port, REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    assert caplog.records == []


UPGRADE = (
    b"connection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize("target", [b"/large", b"/large?open", b"/large websocket"])
async def test_a_client_that_stops_reading_is_let_go(port: int, target: bytes) -> None:
    path, _, upgrade = target.partition(b" ")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n" + (UPGRADE if upgrade else b"") + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(BOUNDS.send_seconds + 0.7)  # reads nothing
    read = 0
    with suppress(ConnectionError):
        async with asyncio.timeout(5):
            while piece := await reader.read(1 << 20):
                read += len(piece)
    assert read < LARGE
    writer.close()


async def test_a_client_that_reads_slowly_gets_all(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=64 << 10)
    writer.write(REQUEST.replace(b"GET /", b"GET /large"))
    read, begin = 0, asyncio.get_running_loop().time()
    async with asyncio.timeout(20):
        while read < LARGE:
            read += len(await reader.read(1 << 20))
            if read > (time := asyncio.get_running_loop().time() - begin) * (20 << 20):
                await asyncio.sleep(read / (20 << 20) - time)  # 20 MB a second, longer than the bound
    writer.close()


async def test_a_silent_connection_is_closed_without_a_word(port: int) -> None:
    assert await say(port) == b""


async def test_a_head_without_end_is_answered_431(port: int) -> None:
    assert (await say(port, b"GET / HTTP/1.1\r\nx: " + b"a" * 10_000)).startswith(b"HTTP/1.1 431 ")


async def test_many_small_headers_are_too_many_as_well(port: int) -> None:
    assert (await say(port, b"GET / HTTP/1.1\r\n", b"x: y\r\n" * 2000)).startswith(b"HTTP/1.1 431 ")


async def test_a_request_in_time_is_answered_and_may_be_followed_by_another(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(REQUEST)
        async with asyncio.timeout(3):
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(BOUNDS.head_seconds + 0.3)  # idle between two requests is no slow head
    writer.write(b"GET / HT")
    async with asyncio.timeout(3):
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def opened(port: int, request: bytes = REQUEST, until: bytes = b"hello") -> tuple[Any, Any]:
    """A connection on which the request was sent and answered so far."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(3):
        await reader.readuntil(until)
    return reader, writer


HOLDING = REQUEST.replace(b"GET /", b"GET /hold")  # is answered, and never to its end


async def test_one_connection_too_many_is_told_to_come_again(port: int) -> None:
    held = [await opened(port, HOLDING, b"held") for _ in range(LIMITS.per_address)]
    answer = await say(port, REQUEST)
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after" in answer
    assert b"of your address" in answer
    assert (await say(port, CLOSING.replace(b"GET /", b"GET /livez"))).startswith(b"HTTP/1.1 200 ")
    for _, writer in held:
        writer.close()


async def test_the_connection_that_is_idle_longest_makes_room(port: int) -> None:
    idle = [await opened(port) for _ in range(LIMITS.per_address)]
    _, newest = await opened(port)
    async with asyncio.timeout(3):
        assert await idle[0][0].read() == b""
    idle[1][1].write(REQUEST)
    async with asyncio.timeout(3):
        assert (await idle[1][0].readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
    for _, writer in idle:
        writer.close()
    newest.close()


async def test_heads_that_are_not_sent_keep_nobody_out(port: int) -> None:
    """Silent and slow connections are idle, so that one who sends a request finds a place."""
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(LIMITS.per_address)]
    slow[0][1].write(b"GET / HTTP/1.1\r\nx-slow: ")
    _, writer = await opened(port)
    async with asyncio.timeout(3):
        answer = await slow[0][0].read()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 503 ", b"HTTP/1.1 408 "))
    writer.close()
    for _, each in slow:
        each.close()


async def test_a_socket_keeps_its_place_until_it_ends(port: int) -> None:
    upgrade = b"GET /ws HTTP/1.1\r\nhost: x\r\n" + UPGRADE + b"\r\n"
    sockets = [await opened(port, upgrade, b"\r\n\r\n") for _ in range(LIMITS.per_address)]
    assert (await say(port, REQUEST)).startswith(b"HTTP/1.1 429 ")
    for _, writer in sockets:
        writer.close()
    async with asyncio.timeout(3):
        while (await say(port, CLOSING)).startswith(b"HTTP/1.1 429 "):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("request_", [CLOSING, b"GET /ws HTTP/1.1\r\nhost: x\r\n" + UPGRADE + b"\r\n"])
async def test_when_all_places_have_a_request_probes_alone_are_answered(port: int, request_: bytes) -> None:
    """As from many addresses: this one is trusted."""
    TRUSTED.add("127.0.0.1")
    held = [await opened(port, HOLDING, b"held") for _ in range(LIMITS.connections)]
    answer = await say(port, request_)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Too many connections" in answer
    assert (await say(port, CLOSING.replace(b"GET /", b"GET /livez"))).startswith(b"HTTP/1.1 200 ")
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(LIMITS.probes)]
    assert (await say(port, CLOSING.replace(b"GET /", b"GET /readyz?x"))).startswith(b"HTTP/1.1 200 ")
    for _, writer in [*held, *silent]:
        writer.close()


def test_a_protocol_has_the_bounds_it_was_given() -> None:
    assert with_connection_bounds(BOUNDS).bounds is BOUNDS
    assert BoundedProtocol.bounds == ConnectionBounds()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["text", "bytes"])
async def test_a_large_message_of_a_socket_is_written_as_its_client_reads(port: int, kind: str) -> None:
    SENT.clear()
    url = f"http://127.0.0.1:{port}/large?{kind}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
        assert (await socket.receive(10)).data == MESSAGES[kind]
    assert [kind] == SENT
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /large?" + kind.encode() + b" HTTP/1.1\r\nhost: x\r\n" + UPGRADE + b"\r\n")
    await asyncio.sleep(BOUNDS.send_seconds + 0.3)  # reads nothing, until the server lets it go
    assert [kind] == SENT
    writer.close()


async def test_a_request_for_which_the_parser_has_no_memory_is_answered_503() -> None:
    class Starved(BoundedProtocol):
        def on_header(self, name: bytes, value: bytes) -> None:
            raise MemoryError

    config = uvicorn.Config(hello, port=0, log_level="critical", http=Starved, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(5):
        while not server.started:
            await asyncio.sleep(0.01)
    answer = await say(server.servers[0].sockets[0].getsockname()[1], REQUEST)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"no memory for this request: try again" in answer
    server.should_exit = True
    await asyncio.wait_for(task, 5)
