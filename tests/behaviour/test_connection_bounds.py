"""Requirement: slow and large heads, silent connections and too many of them are bounded. Real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from journeyman.server.connections import BoundedProtocol, ConnectionBounds, bounded, sweep

BOUNDS = ConnectionBounds(head_seconds=0.2, head_bytes=8192, connections=8)
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class Bounded(uvicorn.Server):
    async def on_tick(self, counter: int) -> bool:
        sweep(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = uvicorn.Config(hello, port=0, log_level="critical", http=bounded(BOUNDS), lifespan="off")
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


async def test_one_connection_too_many_is_told_to_come_again(port: int) -> None:
    opened = []
    for _ in range(BOUNDS.connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"hello")
        opened.append((reader, writer))
    answer = await say(port, REQUEST)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after" in answer
    for _, writer in opened:
        writer.close()


def test_a_protocol_has_the_bounds_it_was_given() -> None:
    assert bounded(BOUNDS).bounds is BOUNDS
    assert BoundedProtocol.bounds == ConnectionBounds()
