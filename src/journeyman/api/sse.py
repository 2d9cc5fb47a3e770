"""Server-sent events: the frames of a run, written to one client in the request's own task.

Nothing is buffered between the run and the socket. A client that reads nothing stops only its own stream, and is
disconnected after a while; so is a client whose credential is no longer valid.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from starlette.types import Receive, Send

from journeyman.api.dependencies import RequestLimits
from journeyman.api.json_body import ClientDisconnected
from journeyman.api.security.request_context import IsValid
from journeyman.clock import Clock
from journeyman.events.codec import Entry, wire
from journeyman.runtime.engine.frames import Delta, Frame, Progress, Reconnect, Snapshot

_ENCODER = msgspec.json.Encoder()
_LIVE: dict[type, bytes] = {
    Delta: b"event: delta\ndata: ",
    Snapshot: b"event: snapshot\ndata: ",
    Progress: b"event: progress\ndata: ",
    Reconnect: b"event: reconnect\ndata: ",
}
_OPENING = b"retry: 1000\n\n"  # milliseconds until a browser reconnects; sent first, so that headers are flushed
_PING = b": ping\n\n"
_EXPIRED = b"%b%b\n\n" % (_LIVE[Reconnect], _ENCODER.encode(Reconnect("unauthenticated")))
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def encode_sse_frame(frame: Frame) -> bytes:
    """Encode one SSE message. Stored events carry their seq as `id`; live frames have none."""
    if type(frame) is Entry:
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (frame.seq, frame.type.encode(), _ENCODER.encode(wire(frame)))
    return b"%b%b\n\n" % (_LIVE[type(frame)], _ENCODER.encode(frame))


class SseForm(NamedTuple):
    """How a stream is written: its frames, what opens it, and what says that the credential is no longer valid."""

    encode: Callable[[Any], bytes]
    opening: bytes
    expired: bytes


RUN_FRAMES = SseForm(encode_sse_frame, _OPENING, _EXPIRED)


class _Expired(ClientDisconnected):
    """The client's credential is no longer valid."""


class _Writer:
    """Writes to the client, and notes when it last began to write and whether it still does."""

    __slots__ = ("_clock", "_send", "blocked", "since")

    def __init__(self, send: Send, clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self.since = clock.monotonic()
        self.blocked = False

    async def write(self, data: bytes) -> None:
        self.since = self._clock.monotonic()
        self.blocked = True
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self.blocked = False


async def stream(
    receive: Receive,
    send: Send,
    frames: AsyncIterator[Any],
    *,
    form: SseForm = RUN_FRAMES,
    clock: Clock,
    limits: RequestLimits,
    headers: Sequence[tuple[bytes, bytes]] = (),
    is_valid: IsValid | None = None,
) -> None:
    """Answer with the frames until they end, and close the iterator in every case.

    `is_valid` checks the client's credential again from time to time. Raises ClientDisconnected if the client leaves,
    stops reading, or has lost its credential.
    """
    writer, gone, expired = _Writer(send, clock), False, False
    try:
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *headers]})
        try:
            async with asyncio.TaskGroup() as group:
                watchers = [group.create_task(_listen(receive)), group.create_task(_keep_alive(writer, clock, limits))]
                if is_valid is not None:
                    watchers.append(group.create_task(_watch_credential(is_valid, clock, limits)))
                await _write_frames(writer, frames, form)
                for watcher in watchers:
                    watcher.cancel()
        except* _Expired:
            gone = expired = True
        except* ClientDisconnected:
            gone = True
    finally:
        await close(frames)
    if expired and not writer.blocked:
        await _send_expired(writer, send, limits, form)
    if gone:
        raise ClientDisconnected
    await send({"type": "http.response.body", "body": b""})


async def _send_expired(writer: _Writer, send: Send, limits: RequestLimits, form: SseForm) -> None:
    """Tell the client why its stream ends: it may reconnect, but not with the same credential."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limits.send_seconds):
            await writer.write(form.expired)
            await send({"type": "http.response.body", "body": b""})


async def close(frames: AsyncIterator[Any]) -> None:
    """Close an iterator of frames, so that its run is no longer followed."""
    aclose = getattr(frames, "aclose", None)
    if aclose is not None:
        await aclose()


async def _write_frames(writer: _Writer, frames: AsyncIterator[Any], form: SseForm) -> None:
    await writer.write(form.opening)
    async for frame in frames:
        await writer.write(form.encode(frame))


async def _listen(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnected


async def _keep_alive(writer: _Writer, clock: Clock, limits: RequestLimits) -> None:
    """Send a comment after a long silence. Raises ClientDisconnected if the client reads nothing for too long."""
    while True:
        seconds = limits.send_seconds if writer.blocked else limits.ping_seconds
        left = writer.since + seconds - clock.monotonic()
        if left > 0:
            await clock.sleep(min(left, limits.ping_seconds))
        elif writer.blocked:
            raise ClientDisconnected
        else:
            await _ping(writer, limits)


async def _watch_credential(is_valid: IsValid, clock: Clock, limits: RequestLimits) -> None:
    while await is_valid():
        await clock.sleep(limits.credential_check_seconds)
    raise _Expired


async def _ping(writer: _Writer, limits: RequestLimits) -> None:
    try:
        async with asyncio.timeout(limits.send_seconds):
            await writer.write(_PING)
    except TimeoutError as exc:
        raise ClientDisconnected from exc
