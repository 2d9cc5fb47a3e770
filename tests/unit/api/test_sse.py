"""Streams: pings, clients that stop reading, iterators that are closed, and rejoining."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from journeyman.api import sse
from journeyman.api.app import build_app
from journeyman.api.dependencies import RequestLimits
from journeyman.api.json_body import ClientDisconnected
from journeyman.clock import ManualClock
from journeyman.errors import StorageError
from journeyman.runtime.engine.frames import Delta, Frame
from tests.harness.asgi_client import request, stream
from tests.harness.fake_use_cases import FakeRuns, make_ports

SSE = {"accept": "text/event-stream"}


class Client:
    """The client's side, by hand."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, object]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, object]) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.body":
            self.got.append(message["body"])  # type: ignore[arg-type]


class Source:
    """Frames, by hand."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Frame | Exception | None] = asyncio.Queue()
        self.closed = False

    async def frames(self) -> AsyncIterator[Frame]:
        try:
            while (frame := await self.queue.get()) is not None:
                if isinstance(frame, Exception):
                    raise frame
                yield frame
        finally:
            self.closed = True


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def begin(client: Client, source: Source, clock: ManualClock) -> asyncio.Task[None]:
    return asyncio.create_task(
        sse.stream(client.receive, client.send, source.frames(), clock=clock, limits=RequestLimits())  # type: ignore[arg-type]
    )


async def test_silence_is_filled_with_pings() -> None:
    client, source, clock = Client(), Source(), ManualClock()
    task = begin(client, source, clock)
    await settle()
    assert client.got == [b"retry: 1000\n\n"]
    for _ in range(3):
        clock.advance(15)
        await settle()
    assert client.got.count(b": ping\n\n") == 3
    source.queue.put_nowait(None)
    await task
    assert client.got[-1] == b""
    assert source.closed


async def test_no_ping_while_frames_come() -> None:
    client, source, clock = Client(), Source(), ManualClock()
    task = begin(client, source, clock)
    for _ in range(8):
        await settle()
        clock.advance(10)
        source.queue.put_nowait(Delta("m1", 1, 0, "x"))
        await settle()
    assert b": ping\n\n" not in client.got
    source.queue.put_nowait(None)
    await task


async def test_a_client_that_stops_reading_is_left_and_nothing_is_kept_for_it() -> None:
    client, source, clock = Client(), Source(), ManualClock()
    task = begin(client, source, clock)
    await settle()
    client.reads.clear()
    for _ in range(100):
        source.queue.put_nowait(Delta("m1", 1, 0, "x"))
    await settle()
    assert source.queue.qsize() == 99  # one is on its way, no more are taken
    for _ in range(4):
        clock.advance(10)
        await settle()
    with pytest.raises(ClientDisconnected):
        await task
    assert source.closed


async def test_a_client_that_leaves_closes_the_watch() -> None:
    client, source, clock = Client(), Source(), ManualClock()
    task = begin(client, source, clock)
    await settle()
    client.left.set()
    with pytest.raises(ClientDisconnected):
        await task
    assert source.closed


async def test_a_client_whose_credential_ends_while_it_does_not_read_is_left() -> None:
    client, source, clock, holding = Client(), Source(), ManualClock(), [True, True, False]

    async def holds() -> bool:
        return holding.pop(0)

    frames = source.frames()
    task = asyncio.create_task(
        sse.stream(client.receive, client.send, frames, clock=clock, limits=RequestLimits(), holds=holds)  # type: ignore[arg-type]
    )
    await settle()
    client.reads.clear()
    source.queue.put_nowait(Delta("m1", 1, 0, "x"))
    for _ in range(2):
        await settle()
        clock.advance(5)
    with pytest.raises(ClientDisconnected):
        await task
    assert (source.closed, client.got) == (True, [b"retry: 1000\n\n"])


async def test_a_watch_that_breaks_cuts_the_answer() -> None:
    client, source, clock = Client(), Source(), ManualClock()
    task = begin(client, source, clock)
    source.queue.put_nowait(StorageError("x"))
    with pytest.raises(ExceptionGroup):
        await task
    assert client.got == [b"retry: 1000\n\n"]  # no end: the client knows that something is missing
    assert source.closed


async def test_the_double_is_let_go() -> None:
    ports = make_ports()
    app = build_app(ports)
    assert isinstance(ports.runs, FakeRuns)
    await request(app, "POST", "/process", json={"user_input": "hang", "background": True})
    async with stream(app, "GET", "/runs/run_1/events", headers=SSE) as events:
        await anext(events.frames())
        assert ports.runs.watchers == 1
    assert ports.runs.watchers == 0
