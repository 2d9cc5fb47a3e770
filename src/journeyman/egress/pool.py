"""The transport over aiohttp: one pool of keep-alive connections, no cookies, no proxies, no redirects."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Mapping
from types import TracebackType

import aiohttp
from yarl import URL

from journeyman.egress.transport import (
    Exchange,
    Request,
    Response,
    Timeouts,
    bad_reply,
    cut_off,
    timed_out,
    too_large,
    unreachable,
)
from journeyman.errors import ServiceError

_LARGE_BODY = 1 << 20  # aiohttp writes bytes in one piece and warns above this size; a file goes out in pieces
_LINGER_SECONDS = 0.1  # a stream whose last word was read is about to end: waiting keeps its connection
_REMEMBERED = 256


class AiohttpTransport:
    """Connections are opened when needed, kept while idle, at most `max_connections` at a time."""

    def __init__(self, max_connections: int = 256, keepalive_seconds: float = 15.0) -> None:
        self._max_connections = max_connections
        self._keepalive_seconds = keepalive_seconds
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._urls: dict[str, URL] = {}
        self._timeouts: dict[Timeouts, aiohttp.ClientTimeout] = {}

    def send(self, request: Request) -> Exchange:
        return _Exchange(self, request)

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def open(self, request: Request) -> aiohttp.ClientResponse:
        """Send the request; return when the head of the answer is there."""
        body = request.body
        return await self._current_session().request(
            request.method,
            self._url(request.url),
            data=(body or None) if len(body) <= _LARGE_BODY else io.BytesIO(body),
            headers=request.headers,
            allow_redirects=False,
            timeout=self._timeout(request.timeouts),
        )

    def _current_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:  # a session cannot outlive its event loop
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._max_connections, keepalive_timeout=self._keepalive_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("Accept-Encoding", "Content-Type"),
                trust_env=False,
            )
        return self._session

    def _url(self, text: str) -> URL:
        url = self._urls.get(text)
        if url is None:
            if len(self._urls) >= _REMEMBERED:
                self._urls.clear()
            url = self._urls[text] = URL(text)
        return url

    def _timeout(self, timeouts: Timeouts) -> aiohttp.ClientTimeout:
        timeout = self._timeouts.get(timeouts)
        if timeout is None:
            if len(self._timeouts) >= _REMEMBERED:
                self._timeouts.clear()
            # aiohttp's `connect` also covers the wait for a free connection and for the name's address
            timeout = self._timeouts[timeouts] = aiohttp.ClientTimeout(
                total=timeouts.total,
                connect=max(timeouts.connect, timeouts.first_byte),
                sock_connect=timeouts.connect,
                sock_read=timeouts.first_byte,
            )
        return timeout


class _Exchange:
    __slots__ = ("_pool", "_request", "_response")

    def __init__(self, pool: AiohttpTransport, request: Request) -> None:
        self._pool = pool
        self._request = request

    async def __aenter__(self) -> Response:
        request = self._request
        try:
            self._response = response = await self._pool.open(request)
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise _translated(exc, request, request.timeouts.first_byte) from exc
        if request.timeouts.idle != request.timeouts.first_byte and response.connection is not None:
            protocol = response.connection.protocol
            if protocol is not None:
                protocol.read_timeout = request.timeouts.idle
                protocol.start_timeout()
        return _Response(response, request)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        response = self._response
        if kind is None and await _ended(response.content):
            response.release()
        else:
            response.close()


async def _ended(content: aiohttp.StreamReader) -> bool:
    if content.at_eof():
        return True
    if content.total_bytes == 0:
        return False
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            await content.readany()
    except (aiohttp.ClientError, OSError):
        return False
    return content.at_eof()


class _Response:
    __slots__ = ("_request", "_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, request: Request) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._request = request

    async def read(self, limit: int) -> bytes:
        length = self._response.content_length
        if length is not None and length > limit:
            raise too_large(self._request.url, limit)
        pieces: list[bytes] = []
        size = 0
        while piece := await self.chunk():
            size += len(piece)
            if size > limit:
                raise too_large(self._request.url, limit)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def chunk(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as exc:
            raise _translated(exc, self._request, self._request.timeouts.idle) from exc


def _translated(exc: Exception, request: Request, silence: float) -> ServiceError:
    url = request.url
    match exc:
        case aiohttp.ConnectionTimeoutError():
            return unreachable(url, f"no connection within {request.timeouts.connect:g} seconds")
        case aiohttp.SocketTimeoutError():
            return timed_out(url, silence)
        case TimeoutError():
            return timed_out(url, request.timeouts.total)
        case aiohttp.ClientConnectorDNSError():
            return unreachable(url, "its name has no address")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            return unreachable(url, "TLS failed (is its certificate trusted here?)")
        case aiohttp.ClientConnectorError():
            return unreachable(url, exc.strerror or "no connection")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return unreachable(url, "its address is not a valid http or https URL")
        case aiohttp.ClientResponseError():
            return bad_reply(url)
        case aiohttp.ClientError() | OSError():
            return cut_off(url)
    return unreachable(url, "the request's address or headers are not valid")
