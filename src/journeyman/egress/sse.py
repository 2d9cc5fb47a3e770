"""Reads server-sent events (text/event-stream) from bytes, for the gateway and the MCP client. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

_BOM = b"\xef\xbb\xbf"


class SseEvent(msgspec.Struct):
    """An event. `data` is None if it has no data line; `id` and `retry` (milliseconds) are None if they are absent."""

    data: bytes | None = None
    event: str = "message"
    id: str | None = None
    retry: int | None = None

    @property
    def text(self) -> str:
        """The data as text; bytes that are not UTF-8 are replaced."""
        return (self.data or b"").decode(errors="replace")


class SseReader:
    """Splits a stream into events. A line ends in LF, CR or CRLF; a byte order mark before the first is dropped.

    Raises ValueError if an event is larger than `limit` bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()  # a line that has not ended
        self._after_cr = False  # a LF at the start of the next piece belongs to the line before
        self._first = True  # the first line is still to come
        self._event: SseEvent | None = None  # the event that has not ended
        self._data: list[bytes] = []
        self._size = 0

    @property
    def in_line(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._rest)

    def feed(self, piece: bytes) -> Sequence[SseEvent]:
        """Return the events that end in `piece`."""
        if self._first or self._event is not None or self._after_cr or piece.find(b"\r") >= 0:
            events: Sequence[SseEvent] = self._read(piece)
        else:
            events = self._read_blocks(piece)
        if self._size + len(self._rest) > self._limit:
            raise ValueError("an event is larger than it may be")
        return events

    def _read_blocks(self, piece: bytes) -> Sequence[SseEvent]:
        """Read complete events fast if each is one line of data, as most are."""
        if self._rest:
            piece = bytes(self._rest) + piece
            self._rest.clear()
        if not piece.endswith(b"\n\n"):
            return self._read(piece)
        if piece.find(b"\n") == len(piece) - 2 and piece.startswith(b"data: "):
            return (SseEvent(piece[6:-2]),)
        blocks = piece[:-2].split(b"\n\n")
        if piece.count(b"\n") == 2 * len(blocks) and all(block.startswith(b"data: ") for block in blocks):
            return [SseEvent(block[6:]) for block in blocks]
        return self._read(piece)

    def _read(self, piece: bytes) -> list[SseEvent]:
        events: list[SseEvent] = []
        for line in self._lines(piece):
            if line:
                self._line(line)
            elif self._event is not None:
                events.append(self._ended(self._event))
            else:  # comments alone
                self._size = 0
        return events

    def finish(self) -> SseEvent | None:
        """Return the event that the stream ended without a blank line after; None if there is none.

        The standard drops such an event. Some gateways send their last one like this.
        """
        line = bytes(self._rest)
        self._rest.clear()
        if line:
            self._line(self._without_bom(line))
        return None if self._event is None else self._ended(self._event)

    def _lines(self, piece: bytes) -> list[bytes]:
        """Return the lines that end in `piece`, without their ends."""
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if b"\n" not in piece and b"\r" not in piece:
            self._rest += piece
            return []
        if self._rest:
            piece = bytes(self._rest) + piece
            self._rest.clear()
        lines = piece.splitlines()
        if piece.endswith(b"\r"):
            self._after_cr = True
        elif not piece.endswith(b"\n"):
            self._rest += lines.pop()
        if self._first:
            lines[0] = self._without_bom(lines[0])
        return lines

    def _without_bom(self, line: bytes) -> bytes:
        """Return a line without the byte order mark that may stand before the first one."""
        first, self._first = self._first, False
        return line.removeprefix(_BOM) if first else line

    def _line(self, line: bytes) -> None:
        """Add a line to the event that has not ended."""
        self._size += len(line)
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            if self._event is None:
                self._event = SseEvent()
        elif not line.startswith(b":"):
            self._field(line)

    def _field(self, line: bytes) -> None:
        event = self._event = self._event or SseEvent()
        name, _, value = line.decode(errors="replace").partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(b"")
            case "event":
                event.event = value or "message"
            case "id":
                event.id = value
            case "retry" if value.isdecimal():
                event.retry = int(value[:9])

    def _ended(self, event: SseEvent) -> SseEvent:
        data = self._data
        if data:
            event.data = data[0] if len(data) == 1 else b"\n".join(data)
            self._data = []
        self._event, self._size = None, 0
        return event
