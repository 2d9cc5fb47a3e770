"""A connection on which any bytes may be sent, and what comes back is read as HTTP/1.1."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE = 20.0  # seconds: longer than any bound of the server


@dataclass
class Answer:
    """Status 0: the connection was closed without one."""

    status: int
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


class Wire:
    """Opened when something is sent, and again after the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, data: bytes, method: str = "POST") -> Answer:
        """Send the bytes and read one answer. Raises TimeoutError where there is none in time."""
        async with asyncio.timeout(PATIENCE):
            await self.send(data)
            answer = await self.answer(method)
        if answer.status == 0 or answer.headers.get(b"connection", b"").lower() == b"close" or method == "CONNECT":
            self.close()
        return answer

    async def send(self, data: bytes) -> None:
        if self.writer is None or self.writer.is_closing():
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        await self.more(data)

    async def more(self, data: bytes) -> None:
        """Send on the connection that there is, whatever has become of it."""
        assert self.writer is not None
        if self.writer.is_closing():
            return
        self.writer.write(data)
        with suppress(ConnectionError):  # what was answered before it was closed is still to be read
            await self.writer.drain()

    async def answer(self, method: str = "POST") -> Answer:
        assert self.reader is not None
        try:
            while True:
                head = await self.reader.readuntil(b"\r\n\r\n")
                answer = parsed(head)
                if answer.status >= 200:
                    break
            answer.body = await self._body(answer, method)
        except (asyncio.IncompleteReadError, ConnectionError):
            return Answer(0)
        return answer

    async def _body(self, answer: Answer, method: str) -> bytes:
        assert self.reader is not None
        if method == "HEAD" or answer.status in (204, 304):
            return b""
        if answer.headers.get(b"transfer-encoding") != b"chunked":
            return await self.reader.readexactly(int(answer.headers.get(b"content-length", 0)))
        parts = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append((await self.reader.readexactly(size + 2))[:-2])
        await self.reader.readexactly(2)
        return b"".join(parts)

    async def ended(self) -> bytes:
        """All that still comes, until the server closes."""
        assert self.reader is not None
        with suppress(ConnectionError):
            return await self.reader.read(1 << 20)
        return b""

    def close(self, *, reset: bool = False) -> None:
        if self.writer is not None:
            self.writer.transport.abort() if reset else self.writer.close()
        self.reader = self.writer = None


def parsed(head: bytes) -> Answer:
    first, *lines = head.split(b"\r\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon:
            headers[name.lower()] = value.strip()
    return Answer(int(first.split(b" ", 2)[1]), headers)
