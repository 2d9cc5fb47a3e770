"""Connections within bounds that uvicorn lacks: how long and how large a request's head may be, how many there are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.protocol import State


class ConnectionBounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one client may take of the server before it has said what it wants."""

    head_seconds: float = 10.0  # from the connection, or the request's first byte, to the end of its headers
    head_bytes: int = 64 * 1024
    connections: int = 4096  # open at once, WebSockets left out


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Use `bounded` to give it its bounds."""

    bounds = ConnectionBounds()

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.waiting_since: float | None = None  # for the rest of a head; None: it is complete
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections: try again in a moment.")
            return
        self.waiting_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        waited = self.waiting_since is not None
        super().data_received(data)
        if self.waiting_since is None:
            return
        self._head_bytes = self._head_bytes + len(data) if waited else 1  # where a head begins behind a body, about
        if self._head_bytes > self.bounds.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"More than {self.bounds.head_bytes} bytes.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.waiting_since is None:
            self.waiting_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self.waiting_since, self._head_bytes = None, 0
        super().on_headers_complete()

    def refuse_if_slow(self, now: float) -> None:
        """Close the connection if its head is overdue. One that never said anything is closed without a word."""
        if self.waiting_since is None or now - self.waiting_since < self.bounds.head_seconds:
            return
        if self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request's headers came too slowly.")
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        self.waiting_since = None
        if self.transport.is_closing():
            return
        self.transport.write(_answer(status, text, "retry-after: 1\r\n"))
        self.transport.close()


class AnsweringSocket(WebSocketsSansIOProtocol):
    """A WebSocket that answers what it cannot read, where uvicorn's would keep the connection and say nothing."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(_answer(HTTPStatus.BAD_REQUEST, "This request cannot become a WebSocket."))
            self.transport.close()

    async def send(self, message: Any) -> None:
        """Raises ClientDisconnected, also behind a close of the protocol's own, where uvicorn's blames the caller."""
        await self.writable.wait()
        if self.close_sent and message["type"] == "websocket.send":
            raise ClientDisconnected
        await super().send(message)

    def send_receive_event_to_app(self) -> None:
        """Text that is none closes the socket (1007); uvicorn's would log it as an error of its own, too."""
        try:
            if self.curr_msg_data_type == "text":
                b"".join(self.frames).decode()
        except UnicodeDecodeError:
            if self.conn.state is State.OPEN:  # else the client's own close came along with it
                self.conn.send_close(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()


def with_connection_bounds(bounds: ConnectionBounds) -> type[BoundedProtocol]:
    """The protocol with these bounds, as uvicorn wants it: a class."""
    return type("BoundedProtocol", (BoundedProtocol,), {"bounds": bounds})


def _answer(status: HTTPStatus, text: str, more: str = "") -> bytes:
    """The last answer on a connection."""
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\n{more}"
    return f"{head}content-type: text/plain; charset=utf-8\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode()


def sweep(connections: Iterable[object], now: float) -> None:
    """Close those whose heads are overdue: one look at all of them, and no timer for each."""
    for connection in [one for one in connections if isinstance(one, BoundedProtocol)]:
        connection.refuse_if_slow(now)
