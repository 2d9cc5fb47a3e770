"""The MCP channel over streamable HTTP: a POST for each message, answered in JSON or by an event stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping

import msgspec

from journeyman.clock import Clock
from journeyman.egress.sse import SseEvent, SseReader
from journeyman.egress.traceparent import with_traceparent
from journeyman.egress.transport import Request, Response, Timeouts, Transport
from journeyman.errors import ServiceError, ServiceUnavailableError
from journeyman.events.messages import JSON
from journeyman.tools.mcp.channel import OnNotice
from journeyman.tools.mcp.config import McpServerConfig
from journeyman.tools.mcp.messages import (
    HANDSHAKE_VERSIONS,
    MAX_MESSAGE,
    STATELESS_VERSION,
    LostError,
    OldTransportError,
    Outgoing,
    RemoteError,
    RpcMessage,
    answer_to,
    cancelled,
    decode_rpc,
    notification,
    request,
)

_CONNECT_SECONDS = 10.0
_NOTIFY_SECONDS = 2.0  # to send a message whose answer does not matter
_STREAM_SECONDS = 300.0  # without an event, after which the stream of notifications is opened anew
_PROBE_SECONDS = 5.0  # to recognize the old transport
_NO_POST = (400, 404, 405, 406, 415)  # how servers answer the first message if they cannot take it
_DAY = 86_400.0
_RESUMES = 5  # how often the rest of an answer that was cut off is requested
_MAX_BACKGROUND = 32
_MAX_REFUSAL = 64 * 1024


class _ReadPosition(msgspec.Struct):
    """How far an answer was read. `wanted`: the id of the reply to look for; None to read to the end.

    `room`: bytes that may still be read; None: only each message has a limit.
    """

    wanted: str | None
    room: int | None = None
    last_id: str | None = None
    retry_seconds: float = 1.0

    def received(self, event: SseEvent) -> None:
        """Remember the event's id, from which the answer can be resumed, and the pause before that."""
        self.last_id = event.id or self.last_id
        if event.retry is not None:
            self.retry_seconds = min(event.retry / 1000, 30.0)

    def read(self, count: int) -> None:
        """Count bytes of the answer. Raises ValueError if there is no room for them."""
        if self.room is not None:
            self.room -= count
            if self.room < 0:
                raise ValueError("the answer is larger than it may be")


class HttpChannel:
    """An `McpChannel` over HTTP, with the session id that the server gave, if any, and the revision agreed on."""

    def __init__(self, config: McpServerConfig, transport: Transport, clock: Clock) -> None:
        assert config.url is not None
        self._on_notice: OnNotice = _ignore
        self._name = config.name
        self._url = config.url
        self._headers = dict(config.headers)
        self._transport = transport
        self._clock = clock
        self._session: str | None = None
        self._version: str | None = None
        self._lost = asyncio.Event()
        self._reason = ""
        self._background: set[asyncio.Task[None]] = set()

    async def run(self, on_notice: OnNotice) -> None:
        self._on_notice = on_notice
        await self._lost.wait()
        raise LostError(self._reason)

    async def send_request(self, outgoing: Outgoing) -> RpcMessage:
        if self._lost.is_set():
            raise LostError(self._reason)
        position = _ReadPosition(outgoing.id, outgoing.most_bytes)
        try:
            reply = await self._exchange(self._post(request(outgoing), outgoing.seconds, outgoing.headers), position)
            return reply or await self._resume(position, outgoing.seconds)
        except ServiceUnavailableError as exc:
            if exc.code == "service_unreachable":
                self._lose(exc.message)
            raise
        except ServiceError as exc:
            if outgoing.method == "initialize" and exc.status in _NO_POST and await self._has_old_transport():
                raise OldTransportError(self._name) from exc
            raise
        except asyncio.CancelledError:
            if self._version in HANDSHAKE_VERSIONS:  # in the stateless revision closing the response cancels the call
                self._send_in_background(self._send(cancelled(outgoing.id)))
            raise

    async def notify(self, method: str, params: dict[str, JSON]) -> None:
        await self._send(notification(method, params))

    async def listen(self) -> bool:
        if self._session is None:
            return False
        timeouts = Timeouts(_CONNECT_SECONDS, _STREAM_SECONDS, _STREAM_SECONDS, _DAY)
        get = Request("GET", self._url, self._all_headers({"Accept": "text/event-stream"}), b"", timeouts)
        async with self._transport.send(get) as response:
            if response.status != 200 or not _is_stream(response):
                return False
            await self._read_stream(response, _ReadPosition(None))
        return True

    def set_version(self, version: str | None) -> None:
        self._version = version

    async def aclose(self) -> None:
        self._lose(f"the connection to the MCP server {self._name} was closed")
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._session is not None:
            timeouts = Timeouts(_NOTIFY_SECONDS, _NOTIFY_SECONDS, _NOTIFY_SECONDS, _NOTIFY_SECONDS)
            delete = Request("DELETE", self._url, self._all_headers({}), b"", timeouts)
            self._session = None
            with contextlib.suppress(ServiceError):
                async with self._transport.send(delete):
                    pass

    async def _exchange(self, sent: Request, position: _ReadPosition) -> RpcMessage | None:
        """Send a request and return the wanted reply; None if the answer ended before it came."""
        async with self._transport.send(sent) as response:
            if response.status >= 300:
                raise await self._refusal(response, position.wanted)
            if self._version != STATELESS_VERSION:
                self._session = response.headers.get("mcp-session-id") or self._session
            if _is_stream(response):
                return await self._read_stream(response, position)
            message = decode_rpc(await response.read(MAX_MESSAGE if position.room is None else position.room))
            if message is None or not message.is_reply or message.id != position.wanted:
                text = f"the MCP server {self._name} answered with something that is no reply to the request"
                raise ServiceError(text, code="service_bad_reply")
            return message

    async def _has_old_transport(self) -> bool:
        """Find out if the server has the HTTP+SSE transport: a GET opens a stream that begins with an `endpoint`."""
        timeouts = Timeouts(_CONNECT_SECONDS, _PROBE_SECONDS, _PROBE_SECONDS, _PROBE_SECONDS)
        get = Request("GET", self._url, self._all_headers({"Accept": "text/event-stream"}), b"", timeouts)
        try:
            async with self._transport.send(get) as response:
                if response.status == 200 and _is_stream(response):
                    await self._read_stream(response, _ReadPosition(None))
        except OldTransportError:
            return True
        except ServiceError:
            pass
        return False

    async def _resume(self, position: _ReadPosition, seconds: float) -> RpcMessage:
        """Request the rest of an answer that ended early, which the handshake revisions allow. Returns the reply."""
        for _ in range(_RESUMES if self._version in HANDSHAKE_VERSIONS else 0):
            if position.last_id is None:
                break
            await self._clock.sleep(position.retry_seconds)
            headers = self._all_headers({"Accept": "text/event-stream", "Last-Event-ID": position.last_id})
            get = Request("GET", self._url, headers, b"", _timeouts(seconds))
            if (reply := await self._exchange(get, position)) is not None:
                return reply
        raise LostError(f"the MCP server {self._name} ended its answer before the reply", sent=True)

    async def _read_stream(self, response: Response, position: _ReadPosition) -> RpcMessage | None:
        """Handle the messages of an event stream until the wanted reply. Returns None if the stream ends before it."""
        async for event in self._events(response, position):
            if event.event == "endpoint":  # how each stream of the old transport begins
                raise OldTransportError(self._name)
            position.received(event)
            message = decode_rpc(event.text) if event.data else None
            if message is None:
                continue
            if message.is_reply:
                if message.id == position.wanted:
                    return message
            elif message.id is not None:
                self._send_in_background(self._send(answer_to(message)))
            else:
                self._on_notice(message)
        return None

    async def _events(self, response: Response, position: _ReadPosition) -> AsyncIterator[SseEvent]:
        """Yield the events of a stream. A stream that is cut off just ends if it can be resumed."""
        reader = SseReader(MAX_MESSAGE)
        try:
            while piece := await response.chunk():
                position.read(len(piece))
                for event in reader.feed(piece):
                    yield event
        except ServiceError as exc:
            if exc.code != "service_cut" or position.last_id is None:
                raise
        except ValueError as exc:
            text = f"the MCP server {self._name} answered with more than {MAX_MESSAGE} bytes"
            raise ServiceError(text, code="service_reply_too_large") from exc

    async def _refusal(self, response: Response, wanted: str | None) -> ServiceError:
        """Return the error that an unsuccessful status means. A session that the server forgot ends the channel."""
        status = response.status
        message = decode_rpc(await response.read(_MAX_REFUSAL))
        if self._session is not None and (status == 404 or (status == 400 and (not message or message.id != wanted))):
            self._session = None
            self._lose(f"the MCP server {self._name} does not know the session any more")
            return LostError(self._reason)
        if message is not None and message.error is not None:
            return RemoteError(message.error)
        if status in (401, 403):
            text = f"the MCP server {self._name} refused the credentials (HTTP {status}): check its `headers`"
            return ServiceError(text, code="mcp_refused", status=status)
        if status in (429, 503):
            after = response.headers.get("retry-after", "")
            text = f"the MCP server {self._name} takes no requests for now (HTTP {status})"
            return ServiceUnavailableError(text, retry_after=float(after) if after.isdecimal() else None, status=status)
        if status < 400:
            text = f"the MCP server {self._name} answered with a redirect, which is not followed: give its final `url`"
            return ServiceError(text, code="mcp_refused", status=status)
        return ServiceError(f"the MCP server {self._name} answered with HTTP {status}", status=status)

    async def _send(self, message: bytes) -> None:
        async with self._transport.send(self._post(message, _NOTIFY_SECONDS, {})) as response:
            if response.status >= 300:
                raise await self._refusal(response, None)

    def _send_in_background(self, sending: Coroutine[None, None, None]) -> None:
        """Send a message without waiting for it; errors are ignored, and the message is dropped if too many wait."""
        if self._lost.is_set() or len(self._background) >= _MAX_BACKGROUND:
            sending.close()
            return
        task = asyncio.get_running_loop().create_task(_ignoring_errors(sending))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _post(self, body: bytes, seconds: float, headers: Mapping[str, str]) -> Request:
        own = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json", **headers}
        return Request("POST", self._url, with_traceparent(self._all_headers(own)), body, _timeouts(seconds))

    def _all_headers(self, own: Mapping[str, str]) -> dict[str, str]:
        headers = {**self._headers, **own}
        if self._session is not None:
            headers["Mcp-Session-Id"] = self._session
        if self._version is not None:
            headers["MCP-Protocol-Version"] = self._version
        return headers

    def _lose(self, reason: str) -> None:
        """End the channel for this reason; the first one counts."""
        if not self._lost.is_set():
            self._reason = reason
            self._lost.set()


def _ignore(message: RpcMessage) -> None:
    """Drop a notification."""


def _timeouts(seconds: float) -> Timeouts:
    return Timeouts(min(_CONNECT_SECONDS, seconds), seconds, seconds, seconds)


def _is_stream(response: Response) -> bool:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/event-stream"


async def _ignoring_errors(sending: Coroutine[None, None, None]) -> None:
    with contextlib.suppress(ServiceError):
        await sending
