"""The floor: what a durable run costs with the same parts and nothing else.

    python -m benchmarks.floor PORT GATEWAY_URL DATABASE

Bare FastAPI, aiohttp and SQLite (apsw, WAL, synchronous=FULL, one writer thread with group commit). `POST /process`
is: accept, commit; model call, commit; add, commit; model call, commit; answer. Four awaited commits, one row each.
With `Accept: text/event-stream` it passes the gateway's chunks on as `delta` events, between the same commits.
No journal fold, no recovery, no validation of tool arguments, no limits, no idempotency: a bound, not a product.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import queue
import threading
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import apsw
import msgspec
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Add two numbers.",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "required": ["a", "b"],
            },
        },
    }
]
_ENCODE = msgspec.json.encode
_DECODE = msgspec.json.decode
_Row = tuple[str, int, bytes]


class Writer:
    """One thread, one connection: commits whatever waits, at most 100 rows at once."""

    def __init__(self, file: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.waiting: queue.SimpleQueue[tuple[_Row, asyncio.Future[None]] | None] = queue.SimpleQueue()
        self.db = apsw.Connection(file)
        self.db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
        self.db.execute("CREATE TABLE IF NOT EXISTS events(run TEXT, seq INT, data BLOB, UNIQUE(run, seq))")
        self.thread = threading.Thread(target=self._write, name="writer")
        self.thread.start()

    async def commit(self, run: str, seq: int, value: Any) -> None:
        done = self.loop.create_future()
        self.waiting.put(((run, seq, _ENCODE(value)), done))
        await done

    def close(self) -> None:
        self.waiting.put(None)
        self.thread.join()

    def _write(self) -> None:
        while (first := self.waiting.get()) is not None:
            batch = [first]
            while len(batch) < 100 and not self.waiting.empty():
                if (more := self.waiting.get()) is None:
                    self.waiting.put(None)  # seen again after this batch
                    break
                batch.append(more)
            self.db.execute("BEGIN IMMEDIATE")
            self.db.executemany("INSERT INTO events VALUES (?, ?, ?)", [row for row, _ in batch])
            self.db.execute("COMMIT")
            self.loop.call_soon_threadsafe(_resolve, [done for _, done in batch])


def _resolve(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


class Process(BaseModel):
    user_input: str
    thread_id: str | None = None
    agent: str | None = None


class Parts:
    def __init__(self, writer: Writer, http: aiohttp.ClientSession, url: str) -> None:
        self.writer, self.http, self.url = writer, http, url

    async def ask(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        body = _ENCODE({"model": "fake", "messages": messages, "tools": _TOOLS})
        async with self.http.post(self.url, data=body, headers={"content-type": "application/json"}) as answer:
            reply: dict[str, Any] = _DECODE(await answer.read())["choices"][0]["message"]
            return reply

    async def run(self, text: str) -> dict[str, Any]:
        run, messages = uuid.uuid4().hex, [{"role": "user", "content": text}]
        await self.writer.commit(run, 1, messages[0])
        messages.append(await self.ask(messages))
        await self.writer.commit(run, 2, messages[1])
        for call in messages[1]["tool_calls"]:
            arguments = _DECODE(call["function"]["arguments"])
            result = str(arguments["a"] + arguments["b"])
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
        await self.writer.commit(run, 3, messages[2])
        messages.append(await self.ask(messages))
        await self.writer.commit(run, 4, messages[3])
        return {"response": messages[3]["content"], "run_id": run, "status": "finished"}

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        run, whole = uuid.uuid4().hex, ""
        await self.writer.commit(run, 1, text)
        body = _ENCODE({"model": "fake", "messages": [{"role": "user", "content": text}], "stream": True})
        async with self.http.post(self.url, data=body, headers={"content-type": "application/json"}) as answer:
            async for line in answer.content:
                if line.startswith(b"data: {"):
                    delta = _DECODE(line[6:])["choices"][0]["delta"].get("content")
                    if delta:
                        yield b"event: delta\ndata: " + _ENCODE({"offset": len(whole), "text": delta}) + b"\n\n"
                        whole += delta
        await self.writer.commit(run, 2, whole)
        yield b"event: run_finished\ndata: {}\n\n"


def create(gateway: str, database: str) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        writer = Writer(database)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            app.state.parts = Parts(writer, http, f"{gateway}/chat/completions")
            yield
        writer.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/process")
    async def process(body: Process, request: Request) -> Response:
        parts: Parts = app.state.parts
        if request.headers.get("accept") == "text/event-stream":
            return StreamingResponse(parts.stream(body.user_input), media_type="text/event-stream")
        return Response(_ENCODE(await parts.run(body.user_input)), media_type="application/json")

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="The floor server.")
    parser.add_argument("port", type=int)
    parser.add_argument("gateway")
    parser.add_argument("database")
    args = parser.parse_args()
    app = create(args.gateway, args.database)
    uvicorn.run(app, host="127.0.0.1", port=args.port, loop="uvloop", http="httptools", log_level="warning")


if __name__ == "__main__":
    main()
