"""An API client over an application in this process: it calls the ASGI app directly, on an event loop that it owns."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from journeyman.cli.client.api_client import MAX_RESPONSE_BYTES, Frame, error_from_response, parse_frames
from journeyman.errors import ConfigurationError, ServiceError

T = TypeVar("T")
ASGIMessage = MutableMapping[str, Any]
ASGIApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[ASGIMessage]], Callable[[ASGIMessage], Awaitable[None]]],
    Awaitable[None],
]
SHUTDOWN_SECONDS = 30.0
MAX_UNREAD_CHUNKS = 64  # of one response


class AsgiClient:
    """An ApiClient of `app`. The app's lifespan runs while the client is open; its tasks advance during each call."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._interrupted = False
        self._current: asyncio.Task[Any] | None = None
        self._lifespan = _Lifespan(app)

    def __enter__(self) -> Self:
        try:
            self._run(self._lifespan.start())
        except BaseException:
            self._close_loop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(self._lifespan.stop())
        finally:
            self._close_loop()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """See `ApiClient.call`."""
        exchange = _Exchange(self._app, method, path, body, "application/json")
        try:
            data = self._run(exchange.read_all())
        finally:
            self._run(exchange.disconnect())
        if exchange.status >= 400:
            raise error_from_response(exchange.status, data)
        return msgspec.json.decode(data) if data else None

    def stream(self, method: str, path: str, body: object = None) -> Iterator[Frame]:
        """See `ApiClient.stream`."""
        exchange = _Exchange(self._app, method, path, body, "text/event-stream")
        try:
            first = self._run(exchange.next_chunk())
            if exchange.status >= 400:
                raise error_from_response(exchange.status, first + self._run(exchange.read_all()))
            yield from parse_frames(self._lines(exchange, first))
        finally:
            self._run(exchange.disconnect())

    def _lines(self, exchange: _Exchange, first: bytes) -> Iterator[bytes]:
        """Yield the response's complete lines; `first` is the chunk that was read already."""
        rest, chunk = b"", first
        while chunk:
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
            chunk = self._run(exchange.next_chunk())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the loop until `work` is done. Ctrl-C cancels `work` and keeps the loop usable."""
        self._current = task = self._loop.create_task(work)
        self._loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            return self._loop.run_until_complete(task)
        except asyncio.CancelledError:
            if self._interrupted:
                raise KeyboardInterrupt from None
            raise
        finally:
            self._loop.remove_signal_handler(signal.SIGINT)  # between calls Ctrl-C raises KeyboardInterrupt as usual
            self._current, self._interrupted = None, False

    def _interrupt(self) -> None:
        self._interrupted = True
        if self._current is not None:
            self._current.cancel()

    def _close_loop(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=2.0))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


class _Exchange:
    """One request to the application and its response, read in chunks."""

    def __init__(self, app: ASGIApp, method: str, path: str, body: object, accept: str) -> None:
        self.status = 0
        self._app = app
        self._body: bytes | None = b"" if body is None else msgspec.json.encode(body)
        self._scope = _http_scope(method, path, accept, len(self._body))
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_UNREAD_CHUNKS)
        self._disconnected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def next_chunk(self) -> bytes:
        """Return the next chunk of the response, or b"" at its end. Raises what the application raised."""
        if self._task is None:
            self._task = asyncio.create_task(self._call_app())
        chunk = await self._chunks.get()
        if chunk is not None:
            return chunk
        await self._task
        return b""

    async def read_all(self) -> bytes:
        """Return the rest of the response. Raises ServiceError if it is larger than MAX_RESPONSE_BYTES."""
        data = bytearray()
        while chunk := await self.next_chunk():
            data += chunk
            if len(data) > MAX_RESPONSE_BYTES:
                raise ServiceError("The response is larger than 64 MiB. Ask for less, for example with --limit.")
        return bytes(data)

    async def disconnect(self) -> None:
        """Disconnect as a client does: notify the application, give it a second to finish, then cancel it."""
        self._disconnected.set()
        if self._task is None or self._task.done():
            return
        while not self._chunks.empty():
            self._chunks.get_nowait()
        await asyncio.wait([self._task], timeout=1.0)
        self._task.cancel()

    async def _call_app(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        finally:
            if not self._disconnected.is_set():
                await self._chunks.put(None)

    async def _receive(self) -> ASGIMessage:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: ASGIMessage) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message.get("body") and not self._disconnected.is_set():
            await self._chunks.put(message["body"])


def _http_scope(method: str, path: str, accept: str, length: int) -> dict[str, Any]:
    """Return the ASGI scope of one request with a JSON body of `length` bytes."""
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
    """The server's side of the application's lifespan protocol."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[ASGIMessage] = asyncio.Queue(2)
        self._from_app: asyncio.Queue[ASGIMessage] = asyncio.Queue(2)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the application. Raises its exception, or ConfigurationError with its message if it cannot start."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, self._to_app.get, self._from_app.put))
        await self._send("lifespan.startup")

    async def stop(self) -> None:
        """Shut the application down. Raises TimeoutError if it takes longer than SHUTDOWN_SECONDS."""
        if self._task is not None and not self._task.done():
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await self._send("lifespan.shutdown")

    async def _send(self, kind: str) -> None:
        """Send one lifespan message and wait for the application's answer to it."""
        assert self._task is not None
        await self._to_app.put({"type": kind})
        answer = asyncio.ensure_future(self._from_app.get())
        await asyncio.wait([answer, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await self._task  # raises the exception that ended the application
            return
        if answer.result()["type"].endswith(".failed"):
            await asyncio.wait([self._task], timeout=1.0)
            if self._task.done() and (exc := self._task.exception()) is not None:
                raise exc
            raise ConfigurationError(answer.result().get("message") or "The application could not start.")
