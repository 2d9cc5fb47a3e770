"""The transport protocol through which every request leaves the process, and its test double.

Errors are ServiceErrors whose message names only the origin of the URL:
`service_unreachable` (no connection: the request was never sent), `service_timeout` (no data within the limit),
`service_cut` (the connection closed before the response was complete), `service_reply_too_large`, `service_bad_reply`.
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
    """Time limits of a request in seconds: to connect, until the first byte, between bytes, and in total."""

    connect: float = 10.0
    first_byte: float = 30.0
    idle: float = 30.0
    total: float = 120.0


class Request(msgspec.Struct, frozen=True):
    """An HTTP request with an absolute `url`; the body is sent unchanged."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    timeouts: Timeouts = Timeouts()


class Response(Protocol):
    """A response whose body can be read once. Look up `headers` in lower case."""

    status: int
    headers: Mapping[str, str]

    async def read(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            ServiceError: The body has more than `limit` bytes (`service_reply_too_large`) or is incomplete.
        """
        ...

    async def chunk(self) -> bytes:
        """Return the next bytes of the body as soon as they arrive; empty at its end."""
        ...

    def extend(self, seconds: float) -> None:
        """Extend the total time limit by the time in which the caller did not read, which is not the service's."""
        ...


class Exchange(Protocol):
    """A context manager that sends the request and gives the response.

    Leaving it returns the connection to the pool, or closes it if the body was not read to its end.
    """

    async def __aenter__(self) -> Response: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Transport(Protocol):
    """A sender of HTTP requests that follows no redirects and keeps no cookies. It is cancel-safe."""

    def send(self, request: Request) -> Exchange:
        """Return the exchange of a request; it is sent when the exchange is entered."""
        ...

    async def aclose(self) -> None:
        """Close all connections. Closing twice does nothing."""
        ...


def origin(url: str) -> str:
    """Return the scheme, host and port of a URL, which is all that an error message may contain of it."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}:{parts.port}" if parts.port else f"{parts.scheme}://{host}"
    except ValueError:
        return "the given address"


def unreachable(url: str, reason: str) -> ServiceUnavailableError:
    """Return the error for a service to which there is no connection."""
    message = f"{origin(url)} cannot be reached: {reason}; check the address and that the service runs"
    return ServiceUnavailableError(message, code="service_unreachable")


def timed_out(url: str, seconds: float) -> ServiceTimeoutError:
    """Return the error for a service that sent nothing for `seconds`."""
    return ServiceTimeoutError(f"{origin(url)} kept silent for more than {seconds:g} seconds", code="service_timeout")


def cut_off(url: str) -> ServiceError:
    """Return the error for a connection that closed before the response was complete."""
    return ServiceError(f"{origin(url)} closed the connection before its answer was complete", code="service_cut")


def too_large(url: str, limit: int) -> ServiceError:
    """Return the error for a body of more than `limit` bytes."""
    return ServiceError(f"{origin(url)} answered with more than {limit} bytes", code="service_reply_too_large")


def bad_http_reply(url: str) -> ServiceError:
    """Return the error for a response that is not valid HTTP."""
    return ServiceError(f"{origin(url)} did not answer in valid HTTP", code="service_bad_reply")


class FakeReply:
    """A scripted response.

    Args:
        body: Chunks of bytes; a number pauses for that many seconds, and an exception is raised at its position.
        delay: Seconds before the first byte.
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
    """A transport that answers from a script, in order and without a network.

    `requests` lists the requests sent so far; `open` counts the exchanges that have not been left.
    """

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
        """Append replies to the script."""
        self._replies += replies

    def take(self, request: Request) -> FakeReply:
        """Record `request` and return the next scripted reply to it.

        Raises:
            Exception: The error that the script has at this position.
            ServiceUnavailableError: The script has no further reply.
        """
        self.requests.append(request)
        if not self._replies:
            raise unreachable(request.url, f"the script has no answer to request {len(self.requests)}")
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, FakeReply) else reply(request)

    async def wait(self, seconds: float, limit: float, url: str) -> None:
        """Sleep on the clock for `seconds`.

        Raises:
            ServiceTimeoutError: `limit` seconds have passed before, as with a real transport.
        """
        if seconds > 0:
            await self._clock.sleep(min(seconds, limit))
        if seconds > limit:
            raise timed_out(url, limit)


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

    def extend(self, seconds: float) -> None:
        """Do nothing: a script has no total time limit."""
