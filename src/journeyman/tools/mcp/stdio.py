"""The MCP channel over stdio: one JSON-RPC message a line, and replies are matched by id."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

from journeyman.events.messages import JSON
from journeyman.tools.mcp.channel import OnNotice
from journeyman.tools.mcp.config import McpServerConfig
from journeyman.tools.mcp.failure_text import without_passwords
from journeyman.tools.mcp.messages import (
    LostError,
    Outgoing,
    RpcMessage,
    answer_to,
    cancelled,
    decode_rpc,
    notification,
    request,
)
from journeyman.tools.mcp.process import ServerProcess, launch_failure

_log = logging.getLogger(__name__)

_MAX_UNSENT = 4 << 20  # bytes, beyond which the server does not read and is sent nothing more
_MAX_GARBAGE = 1000  # lines in a row that are not messages; servers that log to stdout stay below it


class StdioChannel:
    """An `McpChannel` to a process, which ends with the channel."""

    def __init__(self, name: str, process: ServerProcess, exit_seconds: float) -> None:
        self._name = name
        self._process = process
        self._exit_seconds = exit_seconds
        self._waiting: dict[str | int, asyncio.Future[RpcMessage]] = {}
        self._lost: str | None = None

    @classmethod
    async def open(
        cls,
        config: McpServerConfig,
        environment: Mapping[str, str],
        exit_seconds: float,
        covered: Sequence[str] | None = None,
    ) -> StdioChannel:
        """Start the server's process, as `ServerProcess.start` does. Raises LostError if that is not possible."""
        try:
            return cls(config.name, await ServerProcess.start(config, environment, covered), exit_seconds)
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or type(exc).__name__
            raise LostError(f"the MCP server {config.name} cannot be started: {reason}") from exc

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self._process.pid

    async def run(self, on_notice: OnNotice) -> None:
        garbage = 0
        try:
            while garbage < _MAX_GARBAGE and (line := await self._process.line()):
                message = decode_rpc(line)
                garbage = garbage + 1 if message is None else 0
                if message is None:
                    self._report_garbage(line, garbage)
                else:
                    self._dispatch(message, on_notice)
            await asyncio.sleep(0)  # lets what it wrote to stderr before its end be read
            raise self._end(garbage)
        finally:
            self._lose(f"the MCP server {self._name} ended before it answered")

    async def send_request(self, outgoing: Outgoing) -> RpcMessage:
        self._check_open()
        reply: asyncio.Future[RpcMessage] = asyncio.get_running_loop().create_future()
        self._waiting[outgoing.id] = reply
        try:
            self._write(request(outgoing))
            return await reply
        except asyncio.CancelledError:
            if self._lost is None and outgoing.method != "initialize" and self._process.unsent < _MAX_UNSENT:
                with contextlib.suppress(LostError):
                    self._write(cancelled(outgoing.id))
            raise
        finally:
            del self._waiting[outgoing.id]

    async def notify(self, method: str, params: dict[str, JSON]) -> None:
        self._check_open()
        self._write(notification(method, params))

    async def listen(self) -> bool:
        return False  # notifications come over the same pipe as replies

    def set_version(self, version: str | None) -> None:
        """Do nothing: the lines are the same in both revisions."""

    async def aclose(self) -> None:
        self._lose(f"the connection to the MCP server {self._name} was closed")
        await self._process.aclose(self._exit_seconds)

    def _dispatch(self, message: RpcMessage, on_notice: OnNotice) -> None:
        if message.is_reply:
            waiting = self._waiting.get(message.id or "")
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        elif message.method is not None and message.id is not None:
            if self._process.unsent < _MAX_UNSENT:
                self._write(answer_to(message))
        elif message.method is not None:
            on_notice(message)

    def _check_open(self) -> None:
        """Check that the connection is open. Raises LostError if it has ended or the server does not read."""
        if self._lost is not None:
            raise LostError(self._lost)
        if self._process.unsent > _MAX_UNSENT:
            raise LostError(f"the MCP server {self._name} does not read what is sent to it")

    def _write(self, message: bytes) -> None:
        """Send a line. Raises LostError if the server has closed its stdin: nothing was sent then."""
        try:
            self._process.write(message)
        except OSError as exc:
            raise LostError(f"the MCP server {self._name} has closed its input") from exc

    def _lose(self, reason: str) -> None:
        """End the channel for this reason, the first one counts, and fail all requests that wait for a reply."""
        if self._lost is None:
            self._lost = reason
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(LostError(reason, sent=True))

    def _report_garbage(self, line: bytes, count: int) -> None:
        if count == 1:
            sample = without_passwords(line[:200].decode(errors="replace").strip())
            _log.warning("MCP server %s wrote a line to stdout that is no message: %r", self._name, sample)

    def _end(self, garbage: int) -> LostError:
        """Return how the connection ended, in fixed words. What the process wrote to stderr is for the log only."""
        words = self._process.last_stderr().strip()
        if garbage:
            text = f"the MCP server {self._name} writes lines to stdout that are no messages"
            return LostError(text, detail=words)
        if (reason := launch_failure(words)) is not None:
            return LostError(f"the MCP server {self._name} cannot be started: {reason}")
        return LostError(f"the MCP server {self._name} ended", detail=words)
