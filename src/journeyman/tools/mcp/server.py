"""An MCP server of the application: it is kept connected, its tools are kept current, and calls of them are made."""

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
from journeyman.tools.mcp.content import content_of
from journeyman.tools.mcp.failure_text import without_passwords
from journeyman.tools.mcp.listing import Listing, listing_of
from journeyman.tools.mcp.messages import LostError, OldTransportError, RemoteError
from journeyman.tools.mcp.session import Session, SessionGuard, ToolsCall, unguarded
from journeyman.tools.spec import CallHost, CallRequest
from journeyman.tools.tool_file import TextWithFiles

_log = logging.getLogger(__name__)

MAX_WORDS = 2000  # characters of a server's words in the log
_SILENT_PROBES = 4  # unanswered during calls before the connection counts as lost: the server may just be busy

Connect = Callable[[McpServerConfig], Awaitable[McpChannel]]
Clean = Callable[[Sequence[JSON]], Sequence[JSON]]


def _ignore(server: McpServer) -> None:
    """Do nothing with a new listing."""


class McpServer:
    """An MCP server and the connection to it, which `run` opens again whenever it ends.

    `problem` says why the server is not available; None if it is. `was_listed`: its tools have been read at least once.
    """

    def __init__(
        self,
        config: McpServerConfig,
        connect: Connect,
        *,
        clock: Clock,
        ids: Ids,
        rng: random.Random,
        timeouts: McpTimeouts | None = None,
        guard: SessionGuard = unguarded,
        call_seconds: float = 30.0,
        clean: Clean = list,
    ) -> None:
        """`clean` masks secrets in what the server says: a server may repeat those that it was started with."""
        self._clean = clean
        self.config = config
        self.name = config.name
        self.listing = Listing()
        self.was_listed = False
        self._listed: Callable[[McpServer], None] = _ignore
        self.problem: str | None = "it was not reached yet"
        self.attempted = asyncio.Event()  # set when the current attempt to connect has succeeded or failed
        self._connect = connect
        self._clock = clock
        self._ids = ids
        self._rng = rng
        self._timeouts = timeouts or McpTimeouts()
        self._guard = guard
        self._call_seconds = call_seconds
        self._session: Session | None = None
        self._reads = 0  # readings of the tools that were begun
        self._read = 0  # the latest of them whose tools are known
        self._was_connected = False  # in the latest attempt
        self._refused = False  # the latest attempt found a transport that is not supported
        self._last_words: JSON = None  # that were logged

    async def run(self, listed: Callable[[McpServer], None] | None = None) -> None:
        """Keep the server connected until cancelled. `listed` is called when its tools were read and have changed."""
        self._listed = listed or _ignore
        failures = 0
        while True:
            started = self._clock.monotonic()
            try:
                await self._connect_once()
            except* ServiceError as group:
                self._report_end(_errors(group))
            except* Exception:  # noqa: BLE001 - the root of a task: no behaviour of a server may end it
                _log.exception("MCP server %s: the connection failed unexpectedly", self.name)
                self._report("the connection failed unexpectedly: see the log")
            if (task := asyncio.current_task()) is not None and task.cancelling():
                return  # Python 3.11's TaskGroup loses a cancellation if a child fails at the same time
            if not self._was_connected:
                self.attempted.set()
            lasted = self._clock.monotonic() - started
            failures = 1 if lasted >= self._timeouts.stable else failures + 1
            await self._clock.sleep(self._timeouts.refresh if self._refused else self._pause(failures))

    async def call(self, request: CallRequest, host: CallHost) -> str | TextWithFiles:
        """Call the tool `request.spec.name` and return its result. The executor cancels a call that takes too long.

        Raises ToolExecutionError: `tool_unavailable` (nothing was sent), `tool_crashed` (the connection ended during
        the call, which may have taken effect), `tool_timeout` or `tool_failed`.
        """
        try:
            return await self._call(request, host)
        except LostError as exc:
            if exc.sent:
                raise _tool_error(exc) from exc
        try:  # nothing was sent over the lost connection, so the call can be made over the next one
            return await self._call(request, host)
        except LostError as exc:
            raise _tool_error(exc) from exc

    async def _call(self, request: CallRequest, host: CallHost) -> str | TextWithFiles:
        """Make the call once. Raises LostError if the connection is lost, ToolExecutionError for other failures."""
        seconds = request.spec.policy.timeout_seconds or self._call_seconds
        session = await self._connected(min(self._timeouts.call_wait, seconds / 2))
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
            result = await session.call(call, seconds + 1, host.progress)
        except asyncio.CancelledError:
            session.stale.set()  # reading the tools will show whether the server is slow or dead
            raise
        except LostError as exc:
            if not exc.sent:
                self._lose(session)
            raise
        except ServiceError as exc:
            self._log_words(exc.message, exc.detail)
            raise _tool_error(exc) from exc
        try:
            return content_of(result)
        except ToolExecutionError as exc:
            self._log_words(exc.message, exc.detail)
            raise

    @property
    def is_connected(self) -> bool:
        """Whether calls can be sent now, as far as is known."""
        return self._session is not None

    async def live_hash(self, tool: str) -> str | None:
        """Read the server's tools now and return the hash of one of them. None: the server does not list it.

        Raises TransientToolError (`tool_unavailable`) if the server is away or does not list its tools.
        """
        session = await self._connected(self._timeouts.call_wait)
        try:
            async with asyncio.timeout(self._timeouts.request):
                await self._read_tools(session)
        except (TimeoutError, ServiceError) as exc:
            if not isinstance(exc, RemoteError | TimeoutError | ServiceTimeoutError):
                self._lose(session)
            session.stale.set()
            text = f"the MCP server {self.name} does not list its tools now"
            raise TransientToolError(text, code="tool_unavailable") from exc
        listed = self.listing.tools.get(tool)
        return None if listed is None else listed.spec.code_hash

    def _lose(self, session: Session | None) -> None:
        """Make no further calls over this session; calls wait for the next attempt to connect."""
        if session is not None and self._session is session:
            session.stale.set()  # reading the tools will show that the connection is lost, and open the next one
            self._session = None
            self.attempted.clear()

    async def _connected(self, seconds: float) -> Session:
        """Return the session; wait at most `seconds` for an attempt to connect. Raises TransientToolError."""
        if self._session is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.attempted.wait()
        if self._session is None:
            raise TransientToolError(
                f"the MCP server {self.name} is not available now: {self.problem}", code="tool_unavailable"
            )
        return self._session

    async def _connect_once(self) -> None:
        """Open a connection and use it until it ends, which raises a ServiceError."""
        self.attempted.clear()
        self._was_connected = False
        channel: McpChannel | None = None
        try:
            async with asyncio.timeout(self._timeouts.opening):
                channel = await self._connect(self.config)
            await self._use(channel)
        except* TimeoutError as group:
            raise LostError(f"the MCP server {self.name} did not answer in time") from group
        finally:
            self._lose(self._session)
            if channel is not None:
                await channel.aclose()

    async def _use(self, channel: McpChannel) -> None:
        """Open a session and offer it to calls until the connection ends."""
        async with asyncio.TaskGroup() as tasks:
            session = Session(self.name, channel, self._ids, self._timeouts, self._guard)
            tasks.create_task(channel.run(session.notified))
            async with asyncio.timeout(self._timeouts.opening):
                await session.open()
                await self._read_tools(session)
            self._session, self.problem, self._was_connected = session, None, True
            self._refused = False
            self.attempted.set()
            _log.info("MCP server %s: %d tools, revision %s", self.name, len(self.listing.tools), session.version)
            tasks.create_task(self._listen(session))
            await self._refresh(session)

    async def _refresh(self, session: Session) -> None:
        """Read the tools again when they may have changed, and regularly, which also detects a dead server."""
        unanswered = 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timeouts.refresh):
                    await session.stale.wait()
            await self._clock.sleep(self._timeouts.debounce)
            session.stale.clear()
            try:
                async with asyncio.timeout(self._timeouts.request):
                    await self._read_tools(session)
                unanswered = 0
            except (TimeoutError, ServiceTimeoutError) as exc:
                unanswered += 1
                if not session.calls or unanswered >= _SILENT_PROBES:
                    raise LostError(f"the MCP server {self.name} does not answer any more") from exc
                session.stale.set()
            except RemoteError as exc:
                _log.warning("MCP server %s did not list its tools: %s", self.name, exc.message)

    async def _listen(self, session: Session) -> None:
        """Listen for changes of the tools, as long as the server has a stream of them."""
        failures = 0
        while True:
            started = self._clock.monotonic()
            try:
                if not await session.listen():
                    return
            except ServiceError as exc:
                _log.info("MCP server %s: the stream of changes ended: %s", self.name, exc.message)
            session.stale.set()
            failures = 1 if self._clock.monotonic() - started >= self._timeouts.stable else failures + 1
            await self._clock.sleep(self._pause(failures))

    async def _read_tools(self, session: Session) -> None:
        """Read the server's tools, and report them if they have changed or the connection is new."""
        self._reads += 1
        reading = self._reads
        pages = await session.tools()
        # In a thread, since compiling a hostile schema may take long.
        listing = await asyncio.to_thread(listing_of, self.name, self._clean(pages.described), pages.cut)
        if reading < self._read:
            return  # a reading that was begun later has ended before
        self._read = reading
        if _versions(listing) == _versions(self.listing) and self.problem is None:
            return
        for sentence in listing.refused:
            _log.warning("MCP server %s: %s", self.name, sentence)
        self.listing, self.was_listed = listing, True
        self._listed(self)

    def _report_end(self, errors: Sequence[ServiceError]) -> None:
        """Report why the connection ended, and log what the server said of it."""
        self._refused = any(isinstance(error, OldTransportError) for error in errors)
        self._report(errors[0].message)
        for error in errors:
            self._log_words(error.message, error.detail)

    def _report(self, message: str) -> None:
        """Remember why the server is not available, and log it unless the attempt before failed for the same reason."""
        if message != self.problem:
            _log.warning("MCP server %s is not available: %s", self.name, message)
        self.problem = message

    def _log_words(self, shown: str, words: str | None) -> None:
        """Log the server's own words about a failure, masked, unless they are shown anyway or were logged last."""
        if not words or words == shown:
            return
        (masked,) = self._clean([without_passwords(words)])
        if masked != self._last_words:
            _log.warning("MCP server %s: its last words: %s", self.name, str(masked)[-MAX_WORDS:])
        self._last_words = masked

    def _pause(self, failures: int) -> float:
        longest = min(self._timeouts.longest_pause, self._timeouts.first_pause * 2 ** min(failures - 1, 10))
        return self._rng.uniform(longest / 2, longest)


class McpInvoker:
    """Calls the tools of one server. A `spec.Invoker`."""

    def __init__(self, server: McpServer) -> None:
        self._server = server

    async def invoke(self, request: CallRequest, host: CallHost) -> str | TextWithFiles:
        return await self._server.call(request, host)


def _versions(listing: Listing) -> list[tuple[str, str]]:
    """Return the name and hash of each tool, to compare listings."""
    return [(tool.spec.name, tool.spec.code_hash) for tool in listing.tools.values()]


def _errors(group: ExceptionGroup[ServiceError]) -> list[ServiceError]:
    """Return the errors in a group of groups, one list of all."""
    parts = (_errors(inner) if isinstance(inner, ExceptionGroup) else [inner] for inner in group.exceptions)
    return [error for part in parts for error in part]


def _tool_error(exc: ServiceError) -> ToolError:
    """Return the error of a call; its class and code say whether the call may have taken effect."""
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
