"""The transport over aiohttp: a pool of keep-alive connections, without cookies, proxies or redirects."""

from __future__ import annotations

import asyncio
import io
import re
import ssl
from collections.abc import Mapping
from types import TracebackType

import aiohttp
from yarl import URL

from journeyman.egress.public_only import PublicResolver, Resolve, public_socket
from journeyman.egress.timeouts import ExchangeTimeout, TimeoutTimer
from journeyman.egress.transport import (
    Exchange,
    Request,
    Response,
    bad_http_reply,
    cut_off,
    timed_out,
    too_large,
    unreachable,
)
from journeyman.errors import ServiceError

_LARGE_BODY = 1 << 20  # aiohttp writes bytes in one piece and warns above this size; a file is sent in pieces
_LINGER_SECONDS = 0.1  # a stream whose last event was read is about to end: a short wait keeps its connection
_CACHE_SIZE = 256
# Such a text is sent as it is: if yarl parsed it again, %2E%2E would become .. and change the path.
_QUOTED = re.compile(r"https?://[A-Za-z0-9.:_\[\]-]+(?:[/?](?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*)?")


class AiohttpTransport:
    """A connection pool of at most `max_connections`, which are opened on demand and kept open while idle."""

    def __init__(
        self, max_connections: int = 256, keepalive_seconds: float = 15.0, *, resolve: Resolve | None = None
    ) -> None:
        """Create an empty pool. With `resolve` it reaches only public addresses, and resolves names with it."""
        self._max_connections = max_connections
        self._keepalive_seconds = keepalive_seconds
        self._resolve = resolve
        self._session: aiohttp.ClientSession | None = None
        self._timer: TimeoutTimer | None = None
        self._urls: dict[str, URL] = {}
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    def send(self, request: Request) -> Exchange:
        return _Exchange(self, request)

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def start_timeout(self, total: float) -> ExchangeTimeout:
        """Return a timeout for the waits of one exchange, which begins now."""
        loop = asyncio.get_running_loop()
        if self._timer is None or self._timer.loop is not loop:
            self._timer = TimeoutTimer(loop)
            self._session = None  # a session cannot outlive its event loop
        return ExchangeTimeout(self._timer, total)

    async def open(self, request: Request) -> aiohttp.ClientResponse:
        """Send the request, and return the response when its headers have arrived."""
        body = request.body
        return await self._current_session().request(
            request.method,
            self._url(request.url),
            data=(body or None) if len(body) <= _LARGE_BODY else io.BytesIO(body),
            headers=request.headers,
            allow_redirects=False,
            timeout=self._timeout(request.timeouts.connect),
        )

    def _current_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("Accept-Encoding", "Content-Type"),
                trust_env=False,
            )
        return self._session

    def _connector(self) -> aiohttp.TCPConnector:
        limit, keepalive, resolve = self._max_connections, self._keepalive_seconds, self._resolve
        if resolve is None:
            return aiohttp.TCPConnector(limit=limit, keepalive_timeout=keepalive)
        return aiohttp.TCPConnector(
            limit=limit,
            keepalive_timeout=keepalive,
            resolver=PublicResolver(resolve),
            use_dns_cache=False,
            socket_factory=public_socket,
        )

    def _url(self, text: str) -> URL:
        url = self._urls.get(text)
        if url is None:
            if len(self._urls) >= _CACHE_SIZE:
                self._urls.clear()
            url = self._urls[text] = URL(text, encoded=_QUOTED.fullmatch(text) is not None)
        return url

    def _timeout(self, connect: float) -> aiohttp.ClientTimeout:
        timeout = self._timeouts.get(connect)
        if timeout is None:
            if len(self._timeouts) >= _CACHE_SIZE:
                self._timeouts.clear()
            timeout = self._timeouts[connect] = aiohttp.ClientTimeout(sock_connect=connect)
        return timeout


class _Exchange:
    __slots__ = ("_pool", "_request", "_response")

    def __init__(self, pool: AiohttpTransport, request: Request) -> None:
        self._pool = pool
        self._request = request

    async def __aenter__(self) -> Response:
        request = self._request
        timeout = self._pool.start_timeout(request.timeouts.total)
        try:
            with timeout.within(request.timeouts.first_byte):
                self._response = response = await self._pool.open(request)
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise _service_error(exc, request, timeout.seconds) from exc
        return _Response(response, request, timeout)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        response = self._response
        if kind is None and await _at_end(response.content):
            response.release()
        else:
            response.close()


async def _at_end(content: aiohttp.StreamReader) -> bool:
    """Return whether the whole body was read, so that the connection can be used again."""
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
    __slots__ = ("_request", "_response", "_timeout", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, request: Request, timeout: ExchangeTimeout) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._request = request
        self._timeout = timeout

    async def read(self, limit: int) -> bytes:
        length = self._response.content_length
        if length is not None and length > limit:
            raise too_large(self._request.url, limit)
        content = self._response.content
        if content.is_eof() and content.exception() is None and content.total_bytes <= limit:
            return content.read_nowait()  # the whole body came with the headers
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
            with self._timeout.within(self._request.timeouts.idle):
                return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as exc:
            raise _service_error(exc, self._request, self._timeout.seconds) from exc

    def extend(self, seconds: float) -> None:
        self._timeout.extend(seconds)


def _service_error(exc: Exception, request: Request, seconds: float) -> ServiceError:
    """Return the ServiceError for an aiohttp error. `seconds` is the limit that a timeout exceeded."""
    url = request.url
    match exc:
        case aiohttp.ConnectionTimeoutError():
            return unreachable(url, f"no connection within {request.timeouts.connect:g} seconds")
        case TimeoutError():
            return timed_out(url, seconds)
        case aiohttp.ClientConnectorDNSError():
            return unreachable(url, "its name has no address")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            return unreachable(url, "TLS failed (is its certificate trusted here?)")
        case aiohttp.ClientConnectorError():
            return unreachable(url, exc.strerror or "no connection")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return unreachable(url, "its address is not a valid http or https URL")
        case aiohttp.ClientResponseError():
            return bad_http_reply(url)
        case aiohttp.ClientError() | OSError():
            return cut_off(url)
    return unreachable(url, "the request's address or headers are not valid")
