"""The door to an application in this process: ASGI called directly, on an event loop of its own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from journeyman.cli.client.api_client import BODY_CAP, Frame, error_of_answer, frames
from journeyman.errors import ConfigurationError, ServiceError

T = TypeVar("T")
ASGIMessage = MutableMapping[str, Any]
ASGIApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[ASGIMessage]], Callable[[ASGIMessage], Awaitable[None]]],
    Awaitable[None],
]
CLOSE_SECONDS = 30.0
PIECES = 64  # of an answer that wait to be read


class AsgiClient:
    """The API of `app`. Its lifespan runs while the door is open; its tasks move on while a call is waited for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._interrupted = False
        self._waiting: asyncio.Task[Any] | None = None
        self._lifespan = _Lifespan(app)

    def __enter__(self) -> Self:
        try:
            self._run(self._lifespan.start())
        except BaseException:
            self._shut()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(self._lifespan.stop())
        finally:
            self._shut()

    def call(self, method: str, path: str, body: object = None) -> Any:
        exchange = _Exchange(self._app, method, path, body, "application/json")
        try:
            data = self._run(exchange.read_all())
        finally:
            self._run(exchange.hang_up())
        if exchange.status >= 400:
            raise error_of_answer(exchange.status, data)
        return msgspec.json.decode(data) if data else None

    def stream(self, method: str, path: str, body: object = None) -> Iterator[Frame]:
        exchange = _Exchange(self._app, method, path, body, "text/event-stream")
        try:
            first = self._run(exchange.next_piece())
            if exchange.status >= 400:
                raise error_of_answer(exchange.status, first + self._run(exchange.read_all()))
            yield from frames(self._lines(exchange, first))
        finally:
            self._run(exchange.hang_up())

    def _lines(self, exchange: _Exchange, first: bytes) -> Iterator[bytes]:
        rest, piece = b"", first
        while piece:
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
            piece = self._run(exchange.next_piece())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work` while the loop turns. Ctrl-C ends the wait, never the loop."""
        self._waiting = task = self._loop.create_task(work)
        self._loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            return self._loop.run_until_complete(task)
        except asyncio.CancelledError:
            if self._interrupted:
                raise KeyboardInterrupt from None
            raise
        finally:
            self._loop.remove_signal_handler(signal.SIGINT)  # at a prompt Ctrl-C is Python's own again
            self._waiting, self._interrupted = None, False

    def _interrupt(self) -> None:
        self._interrupted = True
        if self._waiting is not None:
            self._waiting.cancel()

    def _shut(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=2.0))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


class _Exchange:
    """One request to the application, answered in pieces."""

    def __init__(self, app: ASGIApp, method: str, path: str, body: object, accept: str) -> None:
        self.status = 0
        self._app = app
        self._body: bytes | None = b"" if body is None else msgspec.json.encode(body)
        self._scope = _scope(method, path, accept, len(self._body))
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(PIECES)
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def next_piece(self) -> bytes:
        """A piece of the answer; empty: it is over."""
        if self._task is None:
            self._task = asyncio.create_task(self._answer())
        piece = await self._pieces.get()
        if piece is not None:
            return piece
        await self._task
        return b""

    async def read_all(self) -> bytes:
        whole = bytearray()
        while piece := await self.next_piece():
            whole += piece
            if len(whole) > BODY_CAP:
                raise ServiceError("The answer is larger than 64 MiB: ask for less")
        return bytes(whole)

    async def hang_up(self) -> None:
        """The client goes away: the application is told, then waited for a moment."""
        self._gone.set()
        if self._task is None or self._task.done():
            return
        while not self._pieces.empty():
            self._pieces.get_nowait()
        await asyncio.wait([self._task], timeout=1.0)
        self._task.cancel()

    async def _answer(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        finally:
            if not self._gone.is_set():
                await self._pieces.put(None)

    async def _receive(self) -> ASGIMessage:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: ASGIMessage) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message.get("body") and not self._gone.is_set():
            await self._pieces.put(message["body"])


def _scope(method: str, path: str, accept: str, length: int) -> dict[str, Any]:
    path, _, query = path.partition("?")
    headers = [(b"host", b"127.0.0.1"), (b"accept", accept.encode()), (b"content-type", b"application/json")]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [*headers, (b"content-length", str(length).encode())],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }


class _Lifespan:
    """The application's start and end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._heard: asyncio.Queue[ASGIMessage] = asyncio.Queue(2)
        self._said: asyncio.Queue[ASGIMessage] = asyncio.Queue(2)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises what the application raised, or ConfigurationError with what it said."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, self._heard.get, self._said.put))
        await self._tell("lifespan.startup")

    async def stop(self) -> None:
        if self._task is not None and not self._task.done():
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._tell("lifespan.shutdown")

    async def _tell(self, kind: str) -> None:
        assert self._task is not None
        await self._heard.put({"type": kind})
        answer = asyncio.ensure_future(self._said.get())
        await asyncio.wait([answer, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await self._task  # raises why it ended
            return
        if answer.result()["type"].endswith(".failed"):
            await asyncio.wait([self._task], timeout=1.0)
            if self._task.done() and (exc := self._task.exception()) is not None:
                raise exc
            raise ConfigurationError(answer.result().get("message") or "The application could not start.")
