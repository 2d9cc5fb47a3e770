"""Clients that break off, dawdle, or speak WebSocket wrongly: each works on its own connections."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
from contextlib import suppress
from random import Random

from tests.harness.malformed_requests import Known, MalformedRequests
from tests.harness.raw_http import PATIENCE, Wire, parsed

GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60,  # TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /livez\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 50, b"\x00" * 500,
    b"GET  /livez  HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n: x\r\n\r\n", b"SSH-2.0-x\r\n", b"\xff" * 300,
)  # fmt: skip
COMMANDS = (
    b'{"type":"start","id":"1","user_input":"hi"}', b'{"type":"cancel","id":"1","run_id":"none"}', b"{", b"[]", b"null",
    b'{"type":"subscribe","id":"1","run_id":"{run}","after":99}', b'{"type":"start","id":1}', b'{"id":"x"}', b"\x00",
    b'{"type":"subscribe","id":"1","run_id":"{run}"}', b'{"type":"fly","id":"1"}', b'{"type":"input","id":"1"}',
    b'{"type":"resume","id":"1","run_id":"{run}","answers":[]}', b"[" * 5000, b'{"type":"start","id":""}',
    b'{"type":"start","id":"1","user_input":"\\ud800"}', b'{"type":"start","id":"1","user_input":1e999}', b"",
    b"1" * 400, b'{"type":"authenticate","id":"1","token":"{secret}"}', b'{"type":"start","type":"cancel","id":"1"}',
)  # fmt: skip
QUIET = 0.5  # seconds
KEY = base64.b64encode(b"0123456789abcdef")
ACCEPT = base64.b64encode(hashlib.sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # RFC 6455


class MalformedClient:
    """`next()` does one thing that is wrong and says what it was and how it ended: a status, or a close code."""

    def __init__(self, seed: int, port: int, known: Known) -> None:
        self.random = Random(seed)
        self.hostile = MalformedRequests(seed, known)
        self._port, self._known = port, known
        self._kinds = (self.cut_body, self.half_head, self.pipeline, self.garbage, self.handshake, self.frames)

    async def next(self) -> tuple[str, str]:
        kind = self.random.choices(self._kinds, (3, 3, 3, 2, 3, 8))[0]
        wire = Wire(self._port)
        try:
            async with asyncio.timeout(PATIENCE):
                return kind.__name__, await kind(wire)
        except ConnectionError:
            return kind.__name__, "closed"
        finally:
            wire.close()

    async def cut_body(self, wire: Wire) -> str:
        """A body that ends before its length, by a close or a reset."""
        data = self.hostile.good().data
        await wire.send(data[: -self.random.randint(1, 10)])
        wire.close(reset=self.random.random() < 0.5)
        return "left"

    async def half_head(self, wire: Wire) -> str:
        data = self.hostile.good().data
        await wire.send(data[: self.random.randint(1, data.index(b"\r\n\r\n"))])
        wire.close(reset=self.random.random() < 0.5)
        return "left"

    async def pipeline(self, wire: Wire) -> str:
        """Several requests at once, garbage behind or between them: what was sound is answered."""
        good = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
        sound = self.random.randint(1, 4)
        await wire.send(good * sound + self.random.choice(GARBAGE))
        statuses = [(await wire.answer("GET")).status for _ in range(sound)]
        assert set(statuses) <= {200, 0, 400}, statuses
        return str(statuses[-1])

    async def garbage(self, wire: Wire) -> str:
        await wire.send(self.random.choice(GARBAGE))
        assert wire.writer is not None
        wire.writer.write_eof()
        return _status(await wire.ended())

    async def slow_body(self, wire: Wire) -> str:
        """One byte a second until the server has had enough."""
        head, _, body = self.hostile.good().data.partition(b"\r\n\r\n")
        await wire.send(head + b"\r\n\r\n" + body[:1])
        return await self._dawdle(wire)

    async def slow_head(self, wire: Wire) -> str:
        await wire.send(b"POST /process HTTP/1.1\r\nHost: local")
        return await self._dawdle(wire)

    async def _dawdle(self, wire: Wire) -> str:
        assert wire.reader is not None
        async with asyncio.timeout(PATIENCE):
            return _status(await wire.reader.read(1 << 16))

    async def handshake(self, wire: Wire) -> str:
        """An upgrade that is none, or one that is not let in."""
        secret = self._known.others.encode()
        upgrade = {b"Connection": b"Upgrade", b"Upgrade": b"websocket", b"Sec-WebSocket-Version": b"13"}
        headers = {b"Host": b"localhost", **upgrade, b"Sec-WebSocket-Key": KEY, **self._credential()}
        name, value = self.random.choice(
            (
                (b"Sec-WebSocket-Version", b"99"), (b"Sec-WebSocket-Key", b"x"), (b"Sec-WebSocket-Key", b""),
                (b"Upgrade", b"websockets"), (b"Connection", b"close"), (b"Origin", b"https://evil.example"),
                (b"Origin", b"null"), (b"Host", b"evil.example"), (b"Authorization", b"Bearer " + secret),
                (b"Sec-WebSocket-Protocol", b"bearer." + secret), (b"Sec-WebSocket-Extensions", b"\xff; x=1"),
                (b"Sec-WebSocket-Protocol", b",,,"), (b"X-On-Behalf-Of", b"\xff"), (b"Content-Length", b"5"),
            )
        )  # fmt: skip
        if name == b"Sec-WebSocket-Protocol":
            headers.pop(b"Authorization", None)
        headers[name] = value
        method = self.random.choice((b"GET", b"GET", b"GET", b"POST"))
        path = self.random.choice((b"/ws", b"/ws", b"/ws", b"/process", b"/ws/x"))
        await wire.send(_head(method + b" " + path + b" HTTP/1.1", headers))
        assert wire.writer is not None
        answer = await wire.answer("GET")
        if answer.status == 0 and wire.reader is not None:
            return "closed"
        return str(answer.status)

    async def frames(self, wire: Wire) -> str:
        """A socket that is let in, then frames that are not as they should be."""
        upgrade = {b"Connection": b"Upgrade", b"Upgrade": b"websocket", b"Sec-WebSocket-Version": b"13"}
        headers = {b"Host": b"localhost", **upgrade, b"Sec-WebSocket-Key": KEY, **self._credential()}
        await wire.send(_head(b"GET /ws HTTP/1.1", headers))
        assert wire.reader is not None
        opened = parsed(await wire.reader.readuntil(b"\r\n\r\n"))
        assert (opened.status, opened.headers[b"sec-websocket-accept"]) == (101, ACCEPT)
        for _ in range(self.random.randint(1, 6)):
            await wire.more(self._frame())
        if self.random.random() < 0.3:
            wire.close(reset=True)
            return "left"
        await wire.more(_frame_of(8, struct.pack(">H", 1000), mask=True))
        return await self._closing(wire)

    def _credential(self) -> dict[bytes, bytes]:
        return {b"Authorization": b"Bearer " + self._known.credential.encode()}

    def _frame(self) -> bytes:
        body = self.random.choice(COMMANDS)
        secret = self.random.choice(self._known.secrets)
        body = body.replace(b"{run}", self._known.run.encode()).replace(b"{secret}", secret.encode())
        match self.random.randrange(16):
            case 0:
                return _frame_of(self.random.choice((3, 4, 7, 11, 15)), body, mask=True)  # an opcode that is none
            case 1:
                return _frame_of(1, body, mask=False)
            case 2:
                return _frame_of(1, b"x" * 70_000, mask=True)
            case 3:
                return b"\x81" + bytes([0x80 | 127]) + struct.pack(">Q", 1 << 62) + b"\x00" * 8  # a length of 2^62
            case 4:
                return _frame_of(1, body, mask=True, bits=0x70)  # extensions that were not negotiated
            case 5:
                return _frame_of(0, body, mask=True)  # the rest of a message that has not begun
            case 6:
                return _frame_of(1, body, mask=True, last=False) + _frame_of(1, body, mask=True)
            case 7:
                return _frame_of(9, b"p" * 126, mask=True)  # a ping that is too large
            case 8:
                return _frame_of(1, b"\xff\xfe" + body, mask=True)
            case 9:
                return _frame_of(8, self.random.choice((b"\x00", b"\x03\xe9\xff", struct.pack(">H", 5))), mask=True)
            case 10:
                return _frame_of(9, b"", mask=True) * 50
            case 11:
                return self.random.randbytes(self.random.randint(1, 40))
            case 12:
                return b"".join(_frame_of(int(n == 0), body[n : n + 1], True, n == 8) for n in range(9))
            case _:
                return _frame_of(self.random.choice((1, 1, 2)), body, mask=True)

    async def _closing(self, wire: Wire) -> str:
        """What the server said until it closed: no internal error, and the code that it closed with."""
        data = bytearray()
        assert wire.reader is not None
        with suppress(ConnectionError, TimeoutError):  # it may wait for the rest of a frame that has none
            while chunk := await asyncio.wait_for(wire.reader.read(1 << 16), QUIET):
                data += chunk
        code = "closed"
        for opcode, body in _read(bytes(data)):
            if opcode == 1 and b'"type":"error"' in body[:20]:
                told = json.loads(body)
                assert told["status"] < 500, told
            if opcode == 8:
                code = str(struct.unpack(">H", body[:2])[0]) if body else "1005"
        assert code in ("closed", "1000", "1002", "1005", "1007", "1009"), bytes(data)[-300:]
        return code


def _head(first: bytes, headers: dict[bytes, bytes]) -> bytes:
    return b"\r\n".join([first, *(name + b": " + value for name, value in headers.items())]) + b"\r\n\r\n"


def _status(data: bytes) -> str:
    return str(parsed(data).status) if data.startswith(b"HTTP/1.1 ") else "closed"


def _frame_of(opcode: int, body: bytes, mask: bool, last: bool = True, bits: int = 0) -> bytes:
    head = bytearray([(0x80 if last else 0) | bits | opcode])
    masked = 0x80 if mask else 0
    if len(body) < 126:
        head.append(masked | len(body))
    elif len(body) < 1 << 16:
        head += bytes([masked | 126]) + struct.pack(">H", len(body))
    else:
        head += bytes([masked | 127]) + struct.pack(">Q", len(body))
    return bytes(head) + (b"\x00" * 4 if mask else b"") + body  # a mask of zeros changes nothing


def _read(data: bytes) -> list[tuple[int, bytes]]:
    """The server's frames, as far as they are whole."""
    found, at = [], 0
    while at + 2 <= len(data):
        opcode, length, start = data[at] & 15, data[at + 1] & 127, at + 2
        if length == 126:
            length, start = struct.unpack(">H", data[start : start + 2])[0], start + 2
        elif length == 127:
            length, start = struct.unpack(">Q", data[start : start + 8])[0], start + 8
        found.append((opcode, data[start : start + length]))
        at = start + length
    return found
