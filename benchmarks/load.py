"""The load: a closed loop of raw keep-alive HTTP/1.1 connections, and readers of event streams."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


class LoadError(Exception):
    """The server answered what it should not have: a measurement of failures is none."""


@dataclass
class Batch:
    """What one batch of requests saw: latencies in seconds, and how long all took."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """That percentile of the latencies in ms."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


def request(method: str, path: str, body: Any = None, accept: str = "application/json") -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: {accept}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


class _Connection(asyncio.Protocol):
    """One request at a time; the answer has a content-length."""

    def __init__(self) -> None:
        self.buffer = b""
        self.waiting: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        at = head.find(b"content-length:")
        size = end + 4 + (int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0)
        if len(self.buffer) >= size and self.waiting and not self.waiting.done():
            answer, self.buffer = self.buffer[:size], self.buffer[size:]
            self.waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting and not self.waiting.done():
            self.waiting.set_exception(LoadError("the server closed the connection"))

    async def ask(self, message: bytes) -> bytes:
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(message)
        return await self.waiting


async def drive(port: int, messages: Iterator[bytes], concurrency: int, must_hold: bytes, seconds: float) -> Batch:
    """Send each message once, `concurrency` at a time; every answer must be 2xx and contain `must_hold`.

    Raises LoadError for the first answer that is not, and after `seconds` in all.
    """
    batch = Batch()
    loop = asyncio.get_running_loop()

    async def work() -> None:
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
        try:
            for message in messages:
                before = time.perf_counter()
                answer = await connection.ask(message)
                batch.latencies.append(time.perf_counter() - before)
                if answer[9:10] != b"2" or must_hold not in answer:
                    raise LoadError(f"unexpected answer: {answer[:600]!r}")
        finally:
            connection.transport.close()

    begin = time.perf_counter()
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(work() for _ in range(concurrency)))
    except TimeoutError:
        raise LoadError(f"{len(batch.latencies)} requests in {seconds:g} s, then time was up") from None
    batch.seconds = time.perf_counter() - begin
    return batch


async def read_stream(port: int, message: bytes, on_delta: Callable[[int], None], seconds: float) -> int:
    """Read one event stream to its end; `on_delta` gets ns between the gateway's write of a chunk and its arrival
    here. Returns the number of tokens (words). Raises LoadError if the stream does not end well."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    tokens, event = 0, b""
    try:
        async with asyncio.timeout(seconds):
            writer.write(message)
            while line := await reader.readline():
                if line.startswith(b"event:"):
                    event = line[6:].strip()
                elif line.startswith(b"data:") and event == b"delta":
                    words = json.loads(line[5:])["text"].split()
                    now = time.monotonic_ns()
                    tokens += len(words)
                    for word in words:
                        on_delta(now - int(word))
                elif not line.strip() and event == b"run_finished":
                    return tokens
    except TimeoutError:
        raise LoadError(f"the stream did not end in {seconds:g} s") from None
    finally:
        writer.close()
    raise LoadError(f"the stream broke off after {tokens} tokens; the last event was {event!r}")
