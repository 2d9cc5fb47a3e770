from __future__ import annotations

import asyncio

import pytest

from journeyman.clock import ManualClock
from journeyman.egress.transport import FakeReply, FakeTransport, Request, Timeouts, cut_off, origin
from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError

GET = Request("GET", "https://api.example/x")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@api.example:8443/v1?key=1#x", "https://api.example:8443"),
        ("http://[::1]:80/x", "http://[::1]:80"),
        ("http://api.example", "http://api.example"),
        ("http://[broken", "the given address"),
    ],
)
def test_an_origin_has_no_user_path_or_query(url, shown):
    assert origin(url) == shown


async def test_the_double_answers_in_order_and_records_requests():
    transport = FakeTransport(FakeReply(b"one"), lambda request: FakeReply(request.method.encode(), status=404))
    for status, body in ((200, b"one"), (404, b"GET")):
        async with transport.send(GET) as response:
            assert (response.status, await response.read(10)) == (status, body)
    assert transport.requests == [GET, GET]
    with pytest.raises(ServiceUnavailableError, match="no answer to request 3"):
        async with transport.send(GET):
            pass
    assert transport.open == 0


async def test_the_double_gives_chunks_and_raises_errors_where_they_stand():
    transport = FakeTransport(FakeReply([b"a", b"", b"b", cut_off(GET.url)]), cut_off(GET.url))
    async with transport.send(GET) as response:
        assert [await response.chunk(), await response.chunk()] == [b"a", b"b"]
        with pytest.raises(ServiceError, match="before its answer was complete"):
            await response.chunk()
    with pytest.raises(ServiceError, match="before its answer was complete"):
        async with transport.send(GET):
            pass


async def test_the_double_keeps_silence_by_the_given_clock():
    clock = ManualClock()
    transport = FakeTransport(FakeReply(b"late", delay=2), FakeReply([b"a", 9.0, b"b"]), clock=clock)

    async def read(request: Request) -> bytes:
        async with transport.send(request) as response:
            return await response.read(10)

    task = asyncio.create_task(read(GET))
    await asyncio.sleep(0)
    assert not task.done()
    clock.advance(2)
    assert await task == b"late"

    task = asyncio.create_task(read(Request("GET", GET.url, timeouts=Timeouts(idle=3))))
    await asyncio.sleep(0)
    clock.advance(3)
    with pytest.raises(ServiceTimeoutError, match="3 seconds"):
        await task
    assert transport.open == 0


async def test_the_double_bounds_what_is_read():
    transport = FakeTransport(FakeReply([b"12345", b"67890"]))
    async with transport.send(GET) as response:
        with pytest.raises(ServiceError, match="more than 9 bytes"):
            await response.read(9)
    await transport.aclose()
    assert transport.closed
