"""What uvicorn's connections lack: places, limits of a request's head, half-closed clients, HTTP/1.0."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets import http11
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode
from websockets.protocol import State

from journeyman.api.disconnects import HALF_CLOSED
from journeyman.api.routes.health import PROBES
from journeyman.exhaustion import exhausted_by
from journeyman.server.serving.connection_places import ConnectionPlaces, Reason

READ_BYTES = 64 << 10
SLICE_BYTES = 256 << 10  # of a large message on a WebSocket
HEAD_BYTES = 64 << 10
_PROBES = tuple(probe.encode() for probe in PROBES)
_REFUSALS: dict[Reason, tuple[HTTPStatus, str]] = {
    "full": (HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections: try again in a moment."),
    "address": (
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many connections of your address: close some, or try again in a moment.",
    ),
}
# The head of a WebSocket's request is read once more, by `websockets`, whose own limits are 8 KiB a line and 128 lines.
http11.MAX_LINE_LENGTH, http11.MAX_NUM_HEADERS = HEAD_BYTES, HEAD_BYTES // 4


class ConnectionBounds(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of connections until the head of a request is read."""

    head_seconds: float = 10.0  # from the connection, or the request's first byte, to the end of its headers
    head_bytes: int = HEAD_BYTES
    send_seconds: float = 30.0  # for which a client may read next to nothing of what was written


class WriteProgress:
    """How a client reads what the server has written, as seen once a second.

    A client that reads less than 64 KB in `send_seconds`, and not all, has stopped reading.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._most = 0  # bytes in the buffer since then
        self._since = 0.0

    def has_stopped(self, unread: int, now: float) -> bool:
        """Return whether the client has stopped reading. `unread`: the bytes in the connection's buffer."""
        if not unread or self._most - unread >= min(READ_BYTES, self._most):
            self._most, self._since = unread, now
        elif not self._most:
            self._since = now
        self._most = max(self._most, unread)
        return unread > 0 and now - self._since >= self._seconds


class BoundedProtocol(HttpToolsProtocol):
    """An HTTP connection with limits. `with_connection_bounds` sets them, and the places that connections share."""

    bounds = ConnectionBounds()
    places = ConnectionPlaces()

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.waiting_since: float | None = None  # for the rest of a head; None: it is complete
        self._head_bytes = 0
        self._since_head = 0  # bytes that were received since the last head: at least those of the next one
        self._half_closed = False
        self._obstacle: Reason | None = None  # why there is no place for the latest request
        self.progress = WriteProgress(self.bounds.send_seconds)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if (reason := self.places.take(self, self.client[0] if self.client else "")) is not None:
            self._refuse(*_REFUSALS[reason])
            return
        self.waiting_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        self.places.leave(self)
        super().connection_lost(exc)

    def make_room(self) -> None:
        """Close the connection, which has no request in progress, for another one."""
        if self._head_bytes:
            self._refuse(*_REFUSALS["full"])
        else:
            self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to a WebSocket, which keeps its place."""
        if self._obstacle is not None:
            self._refuse(*_REFUSALS[self._obstacle])
            return
        super().handle_websocket_upgrade()
        upgraded = self.transport.get_protocol()
        if isinstance(upgraded, AnsweringSocket):
            upgraded.leave_place = partial(self.places.leave, self)

    def data_received(self, data: bytes) -> None:
        waited = self.waiting_since is not None
        self._since_head += len(data)
        self._chunk_bytes = len(data)
        super().data_received(data)
        if self.waiting_since is None:
            return
        self._head_bytes = self._head_bytes + len(data) if waited else 1  # where a head begins behind a body, about
        if self._head_bytes > self.bounds.head_bytes:
            self._refuse_head()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that cannot be parsed, or for which there is no memory: a parser raises one error for both.

        uvicorn calls it while it handles that error.
        """
        error = sys.exc_info()[1]
        if error is not None and exhausted_by(error) is not None:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The server has no memory for this request: try again.")
        elif not self.transport.is_closing():
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.waiting_since is None:
            self.waiting_since = self.loop.time()

    def on_headers_complete(self) -> None:
        if self._since_head > self.bounds.head_bytes and self._size_of_head() > self.bounds.head_bytes:
            self._refuse_head()
            raise ValueError("the head is too large")  # the parser stops; `send_400_response` sends no second answer
        self.waiting_since, self._head_bytes, self._since_head = None, 0, self._chunk_bytes
        self._obstacle = self.places.begin(self, probe=self.url.partition(b"?")[0].endswith(_PROBES))
        super().on_headers_complete()

    def _size_of_head(self) -> int:
        lines = sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)
        return len(self.parser.get_method()) + len(self.url) + len("  HTTP/1.1\r\n") + lines + len("\r\n")

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection of a client that has sent all and waits for its answer. Returns whether it is kept.

        A client that is gone looks the same, until something is written to it. TLS has no half-closed connections.
        """
        cycle = self.cycle
        if self.scheme == "https" or cycle is None or cycle.response_complete or cycle.more_body:
            return False
        self._half_closed = True
        for each in (cycle, *(queued for queued, _ in self.pipeline)):
            each.scope[HALF_CLOSED] = True  # type: ignore[literal-required]
            each.message_event.set()  # so that an application that listens looks at it
        return True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.cycle.response_complete:  # the next of several requests that came together
            return
        self.places.rest(self)
        if self._half_closed:
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        app = app if self._obstacle is None else _ANSWERS[self._obstacle]
        wrapped: Any = _Unchunked(app, cycle) if cycle.scope["http_version"] == "1.0" else app
        super()._start_asgi_task(cycle, wrapped)

    def refuse_if_slow(self, now: float) -> None:
        """Close the connection if its head is overdue; if nothing was received, without an answer."""
        if self.waiting_since is None or now - self.waiting_since < self.bounds.head_seconds:
            return
        if self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request's headers came too slowly.")
        else:
            self.transport.close()

    def _refuse_head(self) -> None:
        text = f"The request's line and headers are more than {self.bounds.head_bytes} bytes."
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        self.waiting_since = None
        if self.transport.is_closing():
            return
        self.transport.write(_answer(status, text, "retry-after: 1\r\n"))
        self.transport.close()


async def _answer_refused(reason: Reason, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request on a connection that has its place for probes, and close it."""
    status, text = _REFUSALS[reason]
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    headers += [(b"retry-after", b"1"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


_ANSWERS = {reason: partial(_answer_refused, reason) for reason in _REFUSALS}


class _Unchunked:
    """The application for an HTTP/1.0 request, without chunks: a body of unknown length ends with the connection."""

    def __init__(self, app: ASGIApp, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle
        self._open_ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, self._send)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._open_ended = not any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            if self._open_ended:
                self._cycle.chunked_encoding = False
        elif self._open_ended:
            self._cycle.expected_content_length = len(message.get("body", b""))
        await self._cycle.send(message)  # type: ignore[arg-type]


class AnsweringSocket(WebSocketsSansIOProtocol):
    """A WebSocket that answers frames it cannot read, and sends a large message in slices.

    uvicorn's keeps such a connection open in silence, and writes a large message as a whole.
    """

    bounds = ConnectionBounds()

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.progress = WriteProgress(self.bounds.send_seconds)
        self.leave_place: Callable[[], None] | None = None  # None: the place is still that of the HTTP connection

    def connection_lost(self, exc: Exception | None) -> None:
        if self.leave_place is not None:
            self.leave_place()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(_answer(HTTPStatus.BAD_REQUEST, "This request cannot become a WebSocket."))
            self.transport.close()

    async def send(self, message: Any) -> None:
        """Send a message. Raises ClientDisconnected, also after the protocol closed the connection itself."""
        await self.writable.wait()
        if message["type"] == "websocket.send":
            if self.close_sent:
                raise ClientDisconnected
            text, data = message.get("text"), message.get("bytes")
            if len(text or data or "") > SLICE_BYTES:
                await self._send_slices(text.encode() if text else data, is_text=bool(text))
                return
        await super().send(message)

    async def _send_slices(self, data: bytes, *, is_text: bool) -> None:
        """Send a message as fragments, each once the client has read of those before it."""
        begin = self.conn.send_text if is_text else self.conn.send_binary
        for start in range(0, len(data), SLICE_BYTES):
            await self.writable.wait()
            if self.disconnected or self.close_sent:
                raise ClientDisconnected
            end = start + SLICE_BYTES
            try:
                (self.conn.send_continuation if start else begin)(data[start:end], end >= len(data))
            except InvalidState:
                raise ClientDisconnected from None
            self.transport.write(b"".join(self.conn.data_to_send()))

    def send_receive_event_to_app(self) -> None:
        """Pass a frame to the application. Text that is not UTF-8 closes the socket (1007) and is not logged as an
        error."""
        try:
            if self.curr_msg_data_type == "text":
                b"".join(self.frames).decode()
        except UnicodeDecodeError:
            if self.conn.state is State.OPEN:  # else the client's own close came along with it
                self.conn.send_close(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()


def with_connection_bounds(bounds: ConnectionBounds, places: ConnectionPlaces | None = None) -> type[BoundedProtocol]:
    """Return a protocol class with these limits and places, as uvicorn expects it."""
    return type(
        "BoundedProtocol",
        (BoundedProtocol,),
        {"bounds": bounds, "places": ConnectionPlaces() if places is None else places},
    )


def _answer(status: HTTPStatus, text: str, more: str = "") -> bytes:
    """Return the last answer on a connection."""
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\n{more}"
    return f"{head}content-type: text/plain; charset=utf-8\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode()


def sweep(connections: Iterable[object], now: float) -> bool:
    """End the connections whose heads are overdue or whose clients have stopped reading.

    One pass over all of them takes the place of a timer for each. Returns whether a client had stopped reading.
    """
    stopped = False
    for connection in [one for one in connections if isinstance(one, BoundedProtocol | AnsweringSocket)]:
        if connection.progress.has_stopped(connection.transport.get_write_buffer_size(), now):
            connection.transport.abort()
            stopped = True
        elif isinstance(connection, BoundedProtocol):
            connection.refuse_if_slow(now)
    return stopped
