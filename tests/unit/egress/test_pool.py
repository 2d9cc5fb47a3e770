from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from journeyman.egress.pool import AiohttpTransport
from journeyman.egress.transport import Request, Timeouts
from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUICK = Timeouts(connect=1.0, first_byte=0.05, idle=0.05, total=5.0)


@pytest.fixture
async def pool() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport()
    yield transport
    await transport.aclose()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    servers: list[TestServer] = []

    async def start(handler: Handler) -> str:
        app = web.Application(client_max_size=8 << 20)
        app.router.add_route("*", "/{tail:.*}", handler)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return f"http://127.0.0.1:{server.port}/v1?key=hidden"

    yield start
    for server in servers:
        await server.close()


def _port(request: web.Request) -> int:
    assert request.transport is not None
    return int(request.transport.get_extra_info("peername")[1])


async def _streamed(request: web.Request, *pieces: bytes | float) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for piece in pieces:
        if isinstance(piece, bytes):
            await response.write(piece)
        else:
            await asyncio.sleep(piece)
    return response


async def test_a_request_is_sent_unchanged_and_the_connection_is_reused(pool, serve):
    seen: list[tuple[int, str, bytes, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((_port(request), request.method, await request.read(), dict(request.headers)))
        return web.Response(body=b"pong", status=201, headers={"X-Cost": "1", "Set-Cookie": "a=b"})

    url = await serve(answer)
    for _ in range(2):
        async with pool.send(Request("POST", url, {"Content-Type": "application/json"}, b"ping")) as response:
            assert (response.status, response.headers["x-cost"]) == (201, "1")
            assert await response.read(100) == b"pong"
    (first, method, body, _), (second, _, _, headers) = seen
    assert (method, body, first) == ("POST", b"ping", second)
    assert "Cookie" not in headers
    assert "Accept-Encoding" not in headers


async def test_a_stream_read_to_its_end_keeps_the_connection(pool, serve):
    ports: list[int] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        ports.append(_port(request))
        return await _streamed(request, b"one", 0.002, b"two", 0.002)

    url = await serve(answer)
    for _ in range(2):
        async with pool.send(Request("GET", url)) as response:
            got = b""
            while not got.endswith(b"two"):
                got += await response.chunk()
    assert ports[0] == ports[1]


async def test_leaving_early_closes_the_connection(pool, serve):
    begun, gone = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await _streamed(request, b"one", 5.0)
        finally:
            gone.set()

    async def read_one() -> None:
        async with pool.send(Request("GET", await serve(answer))) as response:
            assert await response.chunk() == b"one"
            begun.set()
            await response.chunk()

    task = asyncio.create_task(read_one())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(4):
        await gone.wait()


async def test_the_time_before_and_between_bytes_is_bounded(pool, serve):
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.0 if "idle" in request.path else 0.15)
        return await _streamed(request, b"one", 0.1)

    url = await serve(slow)
    with pytest.raises(ServiceTimeoutError, match=r"^http://127\.0\.0\.1:\d+ kept silent"):
        async with pool.send(Request("GET", url, timeouts=QUICK)):
            pass
    timeouts = Timeouts(connect=1.0, first_byte=1.0, idle=0.03, total=5.0)
    with pytest.raises(ServiceTimeoutError, match=r"0\.03"):
        async with pool.send(Request("GET", url.replace("/v1", "/idle"), timeouts=timeouts)) as response:
            await response.read(100)


async def test_the_whole_answer_is_bounded_too(pool, serve):
    async def drip(request: web.Request) -> web.StreamResponse:
        return await _streamed(request, *([b".", 0.01] * 50))

    timeouts = Timeouts(connect=1.0, first_byte=1.0, idle=1.0, total=0.06)
    with pytest.raises(ServiceTimeoutError, match=r"0\.06"):
        async with pool.send(Request("GET", await serve(drip), timeouts=timeouts)) as response:
            await response.read(100)


async def test_a_cut_answer_is_an_error(pool, serve):
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        if "early" not in request.path:
            await _streamed(request, b"one", 0.005)
        request.transport.abort()
        return web.Response()

    url = await serve(cut)
    for address in (url, url.replace("/v1", "/early")):
        with pytest.raises(ServiceError) as caught:
            async with pool.send(Request("GET", address)) as response:
                await response.read(100)
        assert caught.value.code == "service_cut"
        assert "hidden" not in str(caught.value)
        assert caught.value.__cause__ is not None


async def test_large_bodies_are_sent_whole_and_read_up_to_the_limit(pool, serve):
    async def echo(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        return web.Response(body=body) if "whole" in request.path else await _streamed(request, body)

    url = await serve(echo)
    body = b"x" * (2 << 20)
    async with pool.send(Request("POST", url, body=body)) as response:
        assert await response.read(2 << 20) == body
    for address in (url, url.replace("/v1", "/whole")):
        with pytest.raises(ServiceError, match="more than 1000 bytes"):
            async with pool.send(Request("POST", address, body=body)) as response:
                await response.read(1000)


@pytest.mark.parametrize("status", [200, 204])
async def test_an_empty_answer_is_empty(pool, serve, status):
    async def nothing(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    url = await serve(nothing)
    for _ in range(2):
        async with pool.send(Request("GET", url)) as response:
            assert (response.status, await response.read(10)) == (status, b"")
            assert await response.chunk() == b""


async def test_redirects_are_shown_and_not_followed(pool, serve):
    async def away(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with pool.send(Request("POST", await serve(away))) as response:
        assert response.status == 307


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x?key=hidden", "ftp://nowhere/?key=hidden", "hidden", "http://[hidden"]
)
async def test_an_address_that_cannot_be_reached_is_named_by_origin_only(pool, url):
    with pytest.raises(ServiceUnavailableError) as caught:
        async with pool.send(Request("GET", url)):
            pass
    assert caught.value.code == "service_unreachable"
    assert "hidden" not in str(caught.value)


async def test_something_that_is_not_http_is_a_bad_reply(pool):
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ServiceError) as caught:
        async with pool.send(Request("GET", f"http://127.0.0.1:{port}/")):
            pass
    assert caught.value.code == "service_bad_reply"
    server.close()
    await server.wait_closed()


async def test_closing_twice_is_fine_and_the_next_request_opens_again(serve):
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"ok")

    url = await serve(answer)
    pool = AiohttpTransport()
    await pool.aclose()
    async with pool.send(Request("GET", url)) as response:
        assert await response.read(10) == b"ok"
    await pool.aclose()
    await pool.aclose()


@pytest.mark.parametrize(
    ("written", "sent"),
    [("/a/%2E%2E/b/..%3B?q=%3B%20%2B&r=%5B", None), ("/a b?q=\u00e9", "/a%20b?q=%C3%A9"), ("?q=1", "/?q=1")],
)
async def test_a_quoted_url_is_sent_unchanged(
    pool: AiohttpTransport, serve: Callable[[Handler], Awaitable[str]], written: str, sent: str | None
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.raw_path)

    base = (await serve(answer)).partition("/v1")[0]
    async with pool.send(Request("GET", base + written)) as response:
        assert await response.read(1000) == (sent or written).encode()
