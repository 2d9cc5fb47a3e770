"""The API behind a real server on a real socket: bytes on the wire, clients that leave, stop reading, or dawdle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import uvicorn

from journeyman.api.app import build_app
from journeyman.api.dependencies import ApiDependencies, RequestLimits
from journeyman.clock import SystemClock
from journeyman.runtime.engine.frames import Delta
from journeyman.web.pages import pages
from tests.harness.fake_use_cases import FakeRuns, make_ports

LIMITS = RequestLimits(body_idle_seconds=0.2, send_seconds=0.3, ping_seconds=0.1)


class Served:
    def __init__(self, ports: ApiDependencies, port: int, session: aiohttp.ClientSession) -> None:
        self.ports = ports
        self.port = port
        self.session = session
        self.url = f"http://127.0.0.1:{port}"

    @property
    def runs(self) -> FakeRuns:
        assert isinstance(self.ports.runs, FakeRuns)
        return self.ports.runs


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    ports = make_ports(clock=SystemClock(), limits=LIMITS, pages=pages())
    config = uvicorn.Config(build_app(ports), port=0, log_level="error", lifespan="off", ws_max_size=1 << 20)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    async with aiohttp.ClientSession() as session:
        yield Served(ports, server.servers[0].sockets[0].getsockname()[1], session)
    server.should_exit = True
    await asyncio.wait_for(task, 5)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_plain(served: Served) -> None:
    async with served.session.post(f"{served.url}/process", json={"user_input": "hi", "thread_id": "t"}) as answer:
        assert answer.status == 200
        assert (await answer.json())["response"] == "echo: hi"


async def test_a_stream_begins_at_once_and_pings(served: Served) -> None:
    headers = {"accept": "text/event-stream"}
    async with served.session.post(f"{served.url}/process", json={"user_input": "hang"}, headers=headers) as answer:
        assert answer.headers["x-run-id"] == "run_1"
        seen = b""
        while b": ping" not in seen:
            seen += await asyncio.wait_for(answer.content.readany(), 5)
        assert seen.count(b"event: run_accepted") == 1
    await until(lambda: served.runs.watchers == 0)


async def test_a_client_that_stops_reading_is_left(served: Served) -> None:
    """The run is watched only as far as the socket takes; nothing piles up here; then the watch is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    body = b'{"user_input":"hang"}'
    writer.write(
        b"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Accept: text/event-stream\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    await reader.readuntil(b"run_started")
    live = served.runs.live["run_1"]
    taken = 0
    with suppress(TimeoutError):  # the queue of one stays full: no task takes from it any more
        while taken < 1000:
            await asyncio.wait_for(live.put(Delta("m1", 1, 0, "x" * 65536)), 1.0)
            taken += 1
    assert 0 < taken < 1000
    await until(lambda: served.runs.watchers == 0)
    writer.transport.abort()


@pytest.mark.parametrize("streamed", [True, False])
async def test_on_disconnect_cancel(served: Served, streamed: bool) -> None:
    body = {"user_input": "hang", "on_disconnect": "cancel"}
    headers = {"accept": "text/event-stream"} if streamed else {}
    call = asyncio.create_task(served.session.post(f"{served.url}/process", json=body, headers=headers))
    await until(lambda: served.runs.results)
    if streamed:
        (await call).close()
    else:
        call.cancel()
    await until(lambda: served.runs.cancelled == [("run_1", "disconnected")])


async def test_half_a_body(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(
        b"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    )
    head = await asyncio.wait_for(reader.read(), 5)  # to the end: the connection is closed
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_timeout"' in head
    writer.close()


async def test_a_body_without_an_end(served: Served) -> None:
    async def flood() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536

    headers = {"content-type": "application/json"}
    try:
        async with served.session.post(f"{served.url}/process", data=flood(), headers=headers) as answer:
            assert answer.status == 413
    except aiohttp.ClientOSError:
        pass  # closed while it was still being sent to: also a refusal
    assert served.runs.results == {}


async def test_websocket(served: Served) -> None:
    async with served.session.ws_connect(f"{served.url}/ws") as ws:
        await ws.send_json({"type": "start", "id": "1", "user_input": "hi"})
        types = [json.loads((await ws.receive(5)).data)["type"] for _ in range(4)]
        assert types == ["ack", "run_accepted", "run_started", "run_finished"]
        await ws.send_str("x" * (1 << 21))
        assert (await ws.receive(5)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await served.session.ws_connect(f"{served.url}/ws", headers={"origin": "https://evil.example"})
    assert refused.value.status == 403


async def test_a_rebound_host(served: Served) -> None:
    async with served.session.get(f"{served.url}/runs", headers={"host": "evil.example"}) as answer:
        assert answer.status == 421
