"""The process of a stdio server: exact argv, scrubbed environment, a group of its own, killed whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from journeyman.tools.mcp.config import McpServerConfig
from journeyman.tools.mcp.messages import MAX_MESSAGE
from journeyman.tools.process.child import ChildOutput

_REAP_SECONDS = 2.0
# Ends with its parent, even a killed one (PR_SET_PDEATHSIG is 1), then becomes the command: no shell in between.
_LAUNCH = (
    "import os,sys\n"
    "try:\n import ctypes; ctypes.CDLL(None).prctl(1, 9)\n"
    "except (ImportError, OSError, AttributeError): pass\n"
    "if os.getppid() != int(sys.argv[1]): os._exit(1)\n"
    "try: os.execvp(sys.argv[2], sys.argv[2:])\n"
    "except OSError as exc: os.write(2, f'cannot run {sys.argv[2]}: {exc.strerror}'.encode()); os._exit(127)\n"
)


class _Pipes(NamedTuple):
    stdout: asyncio.ReadTransport
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class ServerProcess:
    """Lines out of its stdout, lines into its stdin; the last 16 KiB of its stderr are kept."""

    def __init__(self, popen: subprocess.Popen[bytes], pipes: _Pipes, output: ChildOutput) -> None:
        self._popen = popen
        self._stdout, self._reader, self._writer = pipes
        self._output = output
        self._alive = True

    @classmethod
    async def start(cls, config: McpServerConfig, environment: Mapping[str, str]) -> ServerProcess:
        """Raises OSError: no process can be had, or its folder is not there."""
        popen = _popen(config, environment)
        try:
            pipes = await _connected(popen)
        except BaseException:  # cancelled here, nobody else would end it
            _kill(popen)
            popen.wait(_REAP_SECONDS)
            raise
        assert popen.stderr is not None
        return cls(popen, pipes, ChildOutput(os.dup(popen.stderr.fileno()), asyncio.get_running_loop()))

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def unsent(self) -> int:
        """Bytes that the process has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    async def line(self) -> bytes:
        """The next line; empty at the end, and for one beyond `MAX_MESSAGE`."""
        try:
            return await self._reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            return b""

    def write(self, message: bytes) -> None:
        """Hand a line over; never waits."""
        self._writer.write(message + b"\n")

    def last_words(self) -> str:
        return self._output.take()

    async def aclose(self, goodbye: float = 0.0) -> None:
        """Close its stdin, give it `goodbye` seconds, kill its group, collect it; idempotent."""
        if not self._alive:
            return
        self._alive = False
        self._writer.close()
        try:
            await self._ended(goodbye)
        finally:
            # The group is named while its leader is uncollected, so that its id cannot be another's by now.
            _kill(self._popen)
            if self.unsent:  # a closed transport may not be aborted; one with nothing to send has closed
                self._writer.transport.abort()
            self._output.close()
            self._stdout.close()  # the transport owns the pipe: closed behind its back, its number would be another's
            if self._popen.stderr is not None:
                self._popen.stderr.close()
        if await self._ended(_REAP_SECONDS):
            self._popen.poll()

    async def _ended(self, seconds: float) -> bool:
        """Whether the process ends within that time; it stays uncollected."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not (ended := _has_ended(self._popen.pid)) and loop.time() < deadline:  # noqa: ASYNC110 - the kernel sets no Event
            await asyncio.sleep(0.005)
        return ended


def _popen(config: McpServerConfig, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *config.command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment, **config.env},
        cwd=config.cwd,
        start_new_session=True,
    )


async def _connected(popen: subprocess.Popen[bytes]) -> _Pipes:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_MESSAGE)
    stdout, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), popen.stdout)
    protocol: Any
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, popen.stdin)
    return _Pipes(stdout, reader, asyncio.StreamWriter(transport, protocol, None, loop))


def _kill(popen: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(popen.pid, signal.SIGKILL)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
