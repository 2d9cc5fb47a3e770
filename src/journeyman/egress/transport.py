"""The seam through which every request leaves the process, and the double that never leaves it.

What goes wrong is a ServiceError that names the origin and nothing else of the address:
`service_unreachable` (no connection: the request was never sent), `service_timeout` (silence),
`service_cut` (the connection ended before the answer did), `service_reply_too_large`, `service_bad_reply`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from journeyman.clock import Clock, SystemClock
from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds: to connect, until the first byte of the answer, between its bytes, and for all of it."""

    connect: float = 10.0
    first_byte: float = 30.0
    idle: float = 30.0
    total: float = 120.0


class Request(msgspec.Struct, frozen=True):
    """One HTTP request; `url` is absolute, `body` goes out as it is."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    timeouts: Timeouts = Timeouts()


class Response(Protocol):
    """An answer whose body is still coming. Ask `headers` in lower case. The body is read once."""

    status: int
    headers: Mapping[str, str]

    async def read(self, limit: int) -> bytes:
        """The whole body; more than `limit` bytes is an error, and so is a cut."""
        ...

    async def chunk(self) -> bytes:
        """The body's next bytes as they arrive; empty at its end."""
        ...


class Exchange(Protocol):
    """`async with` gives the response; leaving returns the connection, or closes it if the body is unread."""

    async def __aenter__(self) -> Response: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Transport(Protocol):
    """Sends requests. Follows no redirects, keeps no cookies. Cancel-safe."""

    def send(self, request: Request) -> Exchange: ...

    async def aclose(self) -> None:
        """Close every connection; idempotent."""
        ...


def origin(url: str) -> str:
    """`https://host:port` without user, path and query: all that an error may say of an address."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}:{parts.port}" if parts.port else f"{parts.scheme}://{host}"
    except ValueError:
        return "the given address"


def unreachable(url: str, reason: str) -> ServiceUnavailableError:
    message = f"{origin(url)} cannot be reached: {reason}; check the address and that the service runs"
    return ServiceUnavailableError(message, code="service_unreachable")


def timed_out(url: str, seconds: float) -> ServiceTimeoutError:
    return ServiceTimeoutError(f"{origin(url)} kept silent for more than {seconds:g} seconds", code="service_timeout")


def cut_off(url: str) -> ServiceError:
    return ServiceError(f"{origin(url)} closed the connection before its answer was complete", code="service_cut")


def too_large(url: str, limit: int) -> ServiceError:
    return ServiceError(f"{origin(url)} answered with more than {limit} bytes", code="service_reply_too_large")


def bad_http_reply(url: str) -> ServiceError:
    return ServiceError(f"{origin(url)} did not answer in valid HTTP", code="service_bad_reply")


class FakeReply:
    """A scripted answer. `body`: bytes are chunks, numbers are seconds of silence, an error is raised where it stands.

    `delay` is the silence before the first byte, in seconds.
    """

    def __init__(
        self,
        body: bytes | Iterable[bytes | float | Exception] = b"",
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
    ) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}
        self.body = (body,) if isinstance(body, bytes) else tuple(body)
        self.delay = delay


Scripted = FakeReply | Exception | Callable[[Request], FakeReply]


class FakeTransport:
    """Answers from a script, in order, without a network. `requests` holds what was sent, `open` what is unclosed."""

    def __init__(self, *replies: Scripted, clock: Clock | None = None) -> None:
        self._replies = list(replies)
        self._clock = clock or SystemClock()
        self.requests: list[Request] = []
        self.open = 0
        self.closed = False

    def send(self, request: Request) -> Exchange:
        return _FakeExchange(self, request)

    async def aclose(self) -> None:
        self.closed = True

    def script(self, *replies: Scripted) -> None:
        """Add to the script."""
        self._replies += replies

    def take(self, request: Request) -> FakeReply:
        """The next scripted answer to `request`; a scripted error is raised."""
        self.requests.append(request)
        if not self._replies:
            raise unreachable(request.url, f"the script has no answer to request {len(self.requests)}")
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, FakeReply) else reply(request)

    async def wait(self, seconds: float, bound: float, url: str) -> None:
        """Silence by the clock; longer than `bound` ends in the time-out that a real transport would raise."""
        if seconds > 0:
            await self._clock.sleep(min(seconds, bound))
        if seconds > bound:
            raise timed_out(url, bound)


class _FakeExchange:
    def __init__(self, transport: FakeTransport, request: Request) -> None:
        self._transport = transport
        self._request = request

    async def __aenter__(self) -> Response:
        reply = self._transport.take(self._request)
        await self._transport.wait(reply.delay, self._request.timeouts.first_byte, self._request.url)
        self._transport.open += 1
        return _FakeResponse(reply, self._transport, self._request)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.open -= 1


class _FakeResponse:
    def __init__(self, reply: FakeReply, transport: FakeTransport, request: Request) -> None:
        self.status = reply.status
        self.headers: Mapping[str, str] = reply.headers
        self._body = iter(reply.body)
        self._transport = transport
        self._request = request

    async def read(self, limit: int) -> bytes:
        body = b""
        while chunk := await self.chunk():
            body += chunk
            if len(body) > limit:
                raise too_large(self._request.url, limit)
        return body

    async def chunk(self) -> bytes:
        for piece in self._body:
            if isinstance(piece, Exception):
                raise piece
            if not isinstance(piece, bytes):
                await self._transport.wait(piece, self._request.timeouts.idle, self._request.url)
            elif piece:
                return piece
        return b""
