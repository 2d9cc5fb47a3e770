"""One MCP server of the application: kept connected, its tools kept current, its calls bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from journeyman.clock import Clock
from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError, ToolError, ToolExecutionError
from journeyman.events.messages import JSON
from journeyman.ids import Ids
from journeyman.tools.failures import TransientToolError
from journeyman.tools.mcp.channel import McpChannel
from journeyman.tools.mcp.config import McpServerConfig, McpTimeouts
from journeyman.tools.mcp.content import content_text_of
from journeyman.tools.mcp.listing import Listing, listing_of
from journeyman.tools.mcp.messages import LostError, RemoteError
from journeyman.tools.mcp.session import Session, SessionGuard, ToolsCall, unguarded
from journeyman.tools.spec import CallHost, CallRequest

_log = logging.getLogger(__name__)

_SILENT_PROBES = 4  # while calls are under way: a server that works on one may be too busy to answer

Connect = Callable[[McpServerConfig], Awaitable[McpChannel]]
Clean = Callable[[Sequence[JSON]], Sequence[JSON]]


def _unheard(server: McpServer) -> None:
    """Do nothing with a listing."""


class McpServer:
    """`run` is its one task, and the parent of all that belongs to the connection. `problem` says why it is away."""

    def __init__(
        self,
        config: McpServerConfig,
        connect: Connect,
        *,
        clock: Clock,
        ids: Ids,
        rng: random.Random,
        patience: McpTimeouts | None = None,
        guard: SessionGuard = unguarded,
        call_seconds: float = 30.0,
        clean: Clean = list,
    ) -> None:
        """`clean` takes secrets out of what the server says of its tools: it may tell what it was started with."""
        self._clean = clean
        self.config = config
        self.name = config.name
        self.listing = Listing()
        self._listed: Callable[[McpServer], None] = _unheard
        self.problem: str | None = "it was not reached yet"
        self.decided = asyncio.Event()  # the attempt to connect under way has come to its end
        self._connect = connect
        self._clock = clock
        self._ids = ids
        self._rng = rng
        self._patience = patience or McpTimeouts()
        self._guard = guard
        self._call_seconds = call_seconds
        self._session: Session | None = None
        self._was_up = False  # in the latest attempt

    async def run(self, listed: Callable[[McpServer], None] | None = None) -> None:
        """Stay connected until cancelled: after a failure, connect again. `listed` is called after each listing."""
        self._listed = listed or _unheard
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                await self._live()
            except* ServiceError as group:
                self._report(_first(group).message)
            except* Exception:  # noqa: BLE001 - a task's root: what a foreign server brought about ends one attempt
                _log.exception("MCP server %s: the connection failed unexpectedly", self.name)
                self._report("the connection failed unexpectedly: see the log")
            if (task := asyncio.current_task()) is not None and task.cancelling():
                return  # a TaskGroup of Python 3.11 whose child fails in the same instant swallows a cancel
            if not self._was_up:
                self.decided.set()
            lived = self._clock.monotonic() - began
            failures = 1 if lived >= self._patience.steady else failures + 1
            await self._clock.sleep(self._pause(failures))

    async def call(self, request: CallRequest, host: CallHost) -> str:
        """One call of the tool `request.spec.name`. The executor bounds it by cancelling it.

        Raises ToolExecutionError: `tool_unavailable` (nothing was sent), `tool_crashed` (the connection ended in the
        middle: it may have happened), `tool_timeout`, `tool_failed`.
        """
        try:
            return await self._call(request, host)
        except LostError as exc:
            if exc.sent:
                raise _tool_error(exc) from exc
        try:  # the connection was dead before anything was sent: the next one may do
            return await self._call(request, host)
        except LostError as exc:
            raise _tool_error(exc) from exc

    async def _call(self, request: CallRequest, host: CallHost) -> str:
        """Raises LostError, and ToolExecutionError for everything else."""
        seconds = request.spec.timeout_seconds or self._call_seconds
        session = await self._connected(min(self._patience.call_wait, seconds / 2))
        tool = self.listing.tools.get(request.spec.name)
        if tool is None:
            text = f"the MCP server {self.name} does not offer this tool now"
            raise ToolExecutionError(text, code="tool_unavailable")
        call = ToolsCall(
            tool=tool.own_name,
            arguments=request.arguments,
            idempotency_key=request.idempotency_key,
            mirrored=tool.mirrored,
        )
        try:
            return content_text_of(await session.call(call, seconds + 1, host.progress))
        except asyncio.CancelledError:
            session.stale.set()  # was it slow, or is it dead? Reading its tools will show
            raise
        except LostError as exc:
            if not exc.sent:
                self._lose(session)
            raise
        except ServiceError as exc:
            raise _tool_error(exc) from exc

    def _lose(self, session: Session | None) -> None:
        """No more calls over this connection; the next attempt to connect is worth waiting for."""
        if session is not None and self._session is session:
            self._session = None
            self.decided.clear()

    async def _connected(self, seconds: float) -> Session:
        """The session, once the attempt under way has come to its end; nothing is sent before."""
        if self._session is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.decided.wait()
        if self._session is None:
            raise TransientToolError(
                f"the MCP server {self.name} is not available now: {self.problem}", code="tool_unavailable"
            )
        return self._session

    async def _live(self) -> None:
        """One connection, from its opening to its end, which is a ServiceError."""
        self.decided.clear()
        self._was_up = False
        channel: McpChannel | None = None
        try:
            async with asyncio.timeout(self._patience.opening):
                channel = await self._connect(self.config)
            await self._with(channel)
        except* TimeoutError as group:
            raise LostError(f"the MCP server {self.name} did not answer in time") from group
        finally:
            self._lose(self._session)
            if channel is not None:
                await channel.aclose()

    async def _with(self, channel: McpChannel) -> None:
        async with asyncio.TaskGroup() as tasks:
            session = Session(self.name, channel, self._ids, self._patience, self._guard)
            tasks.create_task(channel.run(session.notified))
            async with asyncio.timeout(self._patience.opening):
                await session.open()
                await self._read(session)
            self._session, self.problem, self._was_up = session, None, True
            self.decided.set()
            _log.info("MCP server %s: %d tools, revision %s", self.name, len(self.listing.tools), session.version)
            tasks.create_task(self._follow(session))
            await self._watch(session)

    async def _watch(self, session: Session) -> None:
        """Read the tools again when they may have changed, and now and then: that shows a dead server, too."""
        silent = 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience.refresh):
                    await session.stale.wait()
            await self._clock.sleep(self._patience.settle)
            session.stale.clear()
            try:
                async with asyncio.timeout(self._patience.request):
                    await self._read(session)
                silent = 0
            except (TimeoutError, ServiceTimeoutError) as exc:
                silent += 1
                if not session.calls or silent >= _SILENT_PROBES:
                    raise LostError(f"the MCP server {self.name} does not answer any more") from exc
                session.stale.set()
            except RemoteError as exc:
                _log.warning("MCP server %s did not list its tools: %s", self.name, exc.message)

    async def _follow(self, session: Session) -> None:
        """Listen for changes as long as the server tells them."""
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                if not await session.follow():
                    return
            except ServiceError as exc:
                _log.info("MCP server %s: the stream of changes ended: %s", self.name, exc.message)
            session.stale.set()
            failures = 1 if self._clock.monotonic() - began >= self._patience.steady else failures + 1
            await self._clock.sleep(self._pause(failures))

    async def _read(self, session: Session) -> None:
        described = await session.tools()
        # In a thread: compiling a hostile schema may take its time, and the event loop has none.
        listing = await asyncio.to_thread(listing_of, self.name, self._clean(described))
        if _facts(listing) == _facts(self.listing) and self.problem is None:
            return
        for sentence in listing.refused:
            _log.warning("MCP server %s: %s", self.name, sentence)
        self.listing = listing
        self._listed(self)

    def _report(self, message: str) -> None:
        self.problem = message
        _log.warning("MCP server %s is not available: %s", self.name, message)

    def _pause(self, failures: int) -> float:
        longest = min(self._patience.longest_pause, self._patience.first_pause * 2 ** min(failures - 1, 10))
        return self._rng.uniform(longest / 2, longest)


class McpInvoker:
    """Runs calls of a server's tools. See `spec.Invoker`."""

    def __init__(self, server: McpServer) -> None:
        self._server = server

    async def invoke(self, request: CallRequest, host: CallHost) -> str:
        return await self._server.call(request, host)


def _facts(listing: Listing) -> list[tuple[str, str]]:
    return [(tool.spec.name, tool.spec.code_hash) for tool in listing.tools.values()]


def _first(group: ExceptionGroup[ServiceError]) -> ServiceError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, ExceptionGroup) else inner


def _tool_error(exc: ServiceError) -> ToolError:
    """What the model is told, and whether the call may have been acted on."""
    match exc:
        case RemoteError():
            return ToolExecutionError(exc.message)
        case ServiceUnavailableError() | LostError(sent=False):
            return TransientToolError(exc.message, code="tool_unavailable")
        case ServiceTimeoutError():
            return TransientToolError(exc.message, code="tool_timeout")
    if exc.code == "mcp_refused":
        return ToolExecutionError(exc.message, code="tool_unavailable")
    return TransientToolError(exc.message, code="tool_crashed")
