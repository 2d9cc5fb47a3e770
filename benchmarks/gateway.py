"""The fake gateway: OpenAI chat completions, as cheap as Python can be, in a process of its own.

    python -m benchmarks.gateway PORT [--chunks 400] [--interval 0.002]

A last message from the user, in a request that offers tools, is answered by a call of `add(1, 2)`; any other by a
text. Asked to stream, it sends the text as `--chunks` chunks, one every `--interval` seconds, each holding the
monotonic clock in nanoseconds at which it was written. `GET /stats` says how many requests there were.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_STREAM = re.compile(rb'"stream":\s*true')
_ROLE = re.compile(rb'"role":\s*"(\w+)"')

_USAGE = b'"usage":{"prompt_tokens":20,"completion_tokens":8,"total_tokens":28}'
_TOOL_CALL = b'{"id":"call_1","type":"function","function":{"name":"add","arguments":"{\\"a\\":1,\\"b\\":2}"}}'
ANSWER = b"The sum is 3."


def _whole(message: bytes, reason: bytes) -> bytes:
    body = (
        b'{"id":"c1","object":"chat.completion","created":1,"model":"fake","choices":[{"index":0,"finish_reason":"'
        + reason
        + b'","message":'
        + message
        + b"}],"
        + _USAGE
        + b"}"
    )
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head + body


_ASKS = _whole(b'{"role":"assistant","content":null,"tool_calls":[' + _TOOL_CALL + b"]}", b"tool_calls")
_TELLS = _whole(b'{"role":"assistant","content":"' + ANSWER + b'"}', b"stop")
_EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunk(delta: bytes, reason: bytes = b"null", tail: bytes = b"") -> bytes:
    data = (
        b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"fake","choices":[{"index":0,"delta":'
        + delta
        + b',"finish_reason":'
        + reason
        + b"}]"
        + tail
        + b"}\n\n"
    )
    return b"%x\r\n%s\r\n" % (len(data), data)


_STREAM_ASKS = (
    _chunk(b'{"role":"assistant","tool_calls":[' + _TOOL_CALL.replace(b'{"id"', b'{"index":0,"id"', 1) + b"]}")
    + _chunk(b"{}", b'"tool_calls"', b"," + _USAGE)
    + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)
_STREAM_END = _chunk(b"{}", b'"stop"', b"," + _USAGE) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Gateway(asyncio.Protocol):
    """One connection; requests come one after the other."""

    requests = 0

    def __init__(self, chunks: int, interval: float) -> None:
        self.chunks, self.interval = chunks, interval
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.streams: set[asyncio.Task[None]] = set()

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self.streams:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self.buffer, 0, end + 2)
            size = end + 4 + (int(length.group(1)) if length else 0)
            if len(self.buffer) < size:
                return
            request, self.buffer = self.buffer[:size], self.buffer[size:]
            self.answer(request, request[end + 4 :])

    def answer(self, request: bytes, body: bytes) -> None:
        if request.startswith(b"GET"):
            text = b'{"requests":%d}' % Gateway.requests
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))
            return
        Gateway.requests += 1
        role = _ROLE.match(body, body.rfind(b'"role"'))
        asks = role is not None and role.group(1) == b"user" and b'"tools"' in body
        if not _STREAM.search(body):
            self.transport.write(_ASKS if asks else _TELLS)
        elif asks:
            self.transport.write(_EVENTS + _STREAM_ASKS)
        else:
            task = asyncio.create_task(self.stream())
            self.streams.add(task)
            task.add_done_callback(self.streams.discard)

    async def stream(self) -> None:
        self.transport.write(_EVENTS)
        due = time.monotonic()
        for _ in range(self.chunks):
            self.transport.write(_chunk(b'{"content":"%d "}' % time.monotonic_ns()))
            due += self.interval
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        self.transport.write(_STREAM_END)


async def serve(port: int, chunks: int, interval: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Gateway(chunks, interval), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake OpenAI-compatible gateway for measuring.")
    parser.add_argument("port", type=int)
    parser.add_argument("--chunks", type=int, default=400)
    parser.add_argument("--interval", type=float, default=0.002)
    args = parser.parse_args()
    uvloop.run(serve(args.port, args.chunks, args.interval))


if __name__ == "__main__":
    main()
