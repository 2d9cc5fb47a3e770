"""A parser of server-sent events, fed piece by piece. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class SseEvent(msgspec.Struct, frozen=True):
    """An event. `data` is None if it has none; so are `id` and `retry` (milliseconds)."""

    data: str | None = None
    event: str = "message"
    id: str | None = None
    retry: int | None = None


class SseReader:
    """Parses a stream of events. `limit`: the largest size of an event in bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[SseEvent]:
        """Yield the events that `piece` completes. Lines end in LF or CRLF; the lone CR of the standard is not used.

        Raises ValueError if an event is larger than the limit.
        """
        *lines, self._rest = (self._rest + piece).split(b"\n") if b"\n" in piece else (self._rest + piece,)
        for line in lines:
            text = line.removesuffix(b"\r")
            if text:
                self._lines.append(text)
                self._size += len(text)
            elif self._lines:
                yield _event(self._lines)
                self._lines, self._size = [], 0
        if self._size + len(self._rest) > self._limit:
            raise ValueError("an event is larger than it may be")


def _event(lines: list[bytes]) -> SseEvent:
    data: list[str] = []
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.decode(errors="replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name != "retry" or value.isdecimal():
            fields[name] = value
    return SseEvent(
        data="\n".join(data) if data else None,
        event=fields.get("event", "message"),
        id=fields.get("id"),
        retry=int(fields["retry"][:9]) if "retry" in fields else None,
    )
