"""Server-sent events: frames of a run written to one client, in the request's own task.

Nothing stands between the run and the socket: a client that does not read stops its own stream, and is cut off
after a while. So is one whose credential holds no longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

import msgspec
from starlette.types import Receive, Send

from journeyman.api.dependencies import RequestLimits
from journeyman.api.json_body import ClientDisconnected
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
_OPENING = b"retry: 1000\n\n"  # milliseconds until a browser comes back; also what is flushed at once
_PING = b": ping\n\n"
_EXPIRED = b"%b%b\n\n" % (_LIVE[Reconnect], _ENCODER.encode(Reconnect("unauthenticated")))
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def encode_sse_frame(frame: Frame) -> bytes:
    """One SSE message. Stored events carry `id`, their seq; live frames do not."""
    if type(frame) is Entry:
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (frame.seq, frame.type.encode(), _ENCODER.encode(wire(frame)))
    return b"%b%b\n\n" % (_LIVE[type(frame)], _ENCODER.encode(frame))


class _Expired(ClientDisconnected):
    """Its credential holds no longer."""


class _Writer:
    """The one way to the client, with a note of when it was last used."""

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
    frames: AsyncIterator[Frame],
    *,
    clock: Clock,
    limits: RequestLimits,
    headers: Sequence[tuple[bytes, bytes]] = (),
    holds: Callable[[], Awaitable[bool]] | None = None,
) -> None:
    """Answer with the frames until they end. Raises ClientGone when the client went away or stopped reading, or when
    `holds` says that its credential does so no longer.

    The iterator is closed in every case.
    """
    writer, gone, expired = _Writer(send, clock), False, False
    try:
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *headers]})
        try:
            async with asyncio.TaskGroup() as group:
                guards = [group.create_task(_listen(receive)), group.create_task(_guard(writer, clock, limits))]
                if holds is not None:
                    guards.append(group.create_task(_watch_credential(holds, clock, limits)))
                await _pump(writer, frames)
                for guard in guards:
                    guard.cancel()
        except* _Expired:
            gone = expired = True
        except* ClientDisconnected:
            gone = True
    finally:
        await close(frames)
    if expired and not writer.blocked:
        await _say_goodbye(writer, send, limits)
    if gone:
        raise ClientDisconnected
    await send({"type": "http.response.body", "body": b""})


async def _say_goodbye(writer: _Writer, send: Send, limits: RequestLimits) -> None:
    """Why the stream ends: a client that comes back with the same credential is refused, and with another one not."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limits.send_seconds):
            await writer.write(_EXPIRED)
            await send({"type": "http.response.body", "body": b""})


async def close(frames: AsyncIterator[Frame]) -> None:
    """Let go of the run that is watched."""
    aclose = getattr(frames, "aclose", None)
    if aclose is not None:
        await aclose()


async def _pump(writer: _Writer, frames: AsyncIterator[Frame]) -> None:
    await writer.write(_OPENING)
    async for frame in frames:
        await writer.write(encode_sse_frame(frame))


async def _listen(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnected


async def _guard(writer: _Writer, clock: Clock, limits: RequestLimits) -> None:
    """Send a comment into long silence; give up on a client that has not read for too long."""
    while True:
        patience = limits.send_seconds if writer.blocked else limits.ping_seconds
        left = writer.since + patience - clock.monotonic()
        if left > 0:
            await clock.sleep(min(left, limits.ping_seconds))
        elif writer.blocked:
            raise ClientDisconnected
        else:
            await _ping(writer, limits)


async def _watch_credential(holds: Callable[[], Awaitable[bool]], clock: Clock, limits: RequestLimits) -> None:
    while await holds():
        await clock.sleep(limits.credential_check_seconds)
    raise _Expired


async def _ping(writer: _Writer, limits: RequestLimits) -> None:
    try:
        async with asyncio.timeout(limits.send_seconds):
            await writer.write(_PING)
    except TimeoutError as exc:
        raise ClientDisconnected from exc
