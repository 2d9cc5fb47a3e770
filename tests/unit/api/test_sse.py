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


async def _app_with_a_run() -> object:
    app = build_app(make_ports())
    await request(app, "POST", "/process", json={"user_input": "hi"})
    return app


@pytest.mark.parametrize(
    ("query", "headers", "ids"),
    [
        ("", {}, ["1", "2", "3"]),
        ("?after=1", {}, ["2", "3"]),
        ("?after=0", {"last-event-id": "2"}, ["3"]),
        ("?after=3", {}, []),
    ],
)
async def test_rejoining(query: str, headers: dict[str, str], ids: list[str]) -> None:
    app = await _app_with_a_run()
    async with stream(app, "GET", f"/runs/run_1/events{query}", headers={**SSE, **headers}) as events:
        assert events.status == 200
        assert [frame["id"] async for frame in events.frames()] == ids


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/runs/run_1/events?after=4", {}, 400),
        ("/runs/run_1/events?after=x", {}, 422),
        ("/runs/run_1/events?after=x", {"last-event-id": "1"}, 422),
        ("/runs/run_1/events?after=-1", {}, 422),
        ("/runs/run_1/events?after=99999999999999999999", {}, 422),
        ("/runs/run_1/events", {"last-event-id": "nonsense"}, 422),
        ("/runs/run_1/events", {"last-event-id": "٣".encode().decode("latin-1")}, 422),
        ("/runs/nope/events", {}, 404),
        ("/runs/%00/events", {}, 422),
    ],
)
async def test_rejoining_refused(path: str, headers: dict[str, str], status: int) -> None:
    app = await _app_with_a_run()
    answer = await request(app, "GET", path, headers={**SSE, **headers})
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_events_as_pages() -> None:
    app = await _app_with_a_run()
    first = (await request(app, "GET", "/runs/run_1/events?limit=2")).json()
    assert [event["seq"] for event in first["items"]] == [1, 2]
    rest = (await request(app, "GET", f"/runs/run_1/events?limit=2&cursor={first['next_cursor']}")).json()
    assert [event["type"] for event in rest["items"]] == ["run_finished"]
    assert rest["next_cursor"] is None
    assert [event["seq"] for event in (await request(app, "GET", "/runs/run_1/events?after=2")).json()["items"]] == [3]
    for query in ("limit=0", "limit=1001", "limit=x", "after=x", "cursor=x"):
        assert (await request(app, "GET", f"/runs/run_1/events?{query}")).status == 422
    for last, answered in (("2", [3]), ("nonsense", None)):  # as of a stream
        page = await request(app, "GET", "/runs/run_1/events?after=0", headers={"last-event-id": last})
        assert [event["seq"] for event in page.json().get("items", ())] == (answered or [])
        assert page.status == (200 if answered else 422)


async def test_the_double_is_let_go() -> None:
    ports = make_ports()
    app = build_app(ports)
    assert isinstance(ports.runs, FakeRuns)
    await request(app, "POST", "/process", json={"user_input": "hang", "background": True})
    async with stream(app, "GET", "/runs/run_1/events", headers=SSE) as events:
        await anext(events.frames())
        assert ports.runs.watchers == 1
    assert ports.runs.watchers == 0
