"""The process of a stdio server: started with the exact argv and a scrubbed environment, killed with its group."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from journeyman.tools.mcp.config import McpServerConfig
from journeyman.tools.mcp.messages import MAX_MESSAGE
from journeyman.tools.process.child import ChildOutput
from journeyman.user_code.importing import search_path

_REAP_SECONDS = 2.0
# Has the kernel kill it when its parent ends (PR_SET_PDEATHSIG is 1), then becomes the command without a shell.
_LAUNCH = (
    "import os,sys\n"
    "try:\n import ctypes; ctypes.CDLL(None).prctl(1, 9)\n"
    "except (ImportError, OSError, AttributeError): pass\n"
    "if os.getppid() != int(sys.argv[1]): os._exit(1)\n"
    "try: os.execvp(sys.argv[2], sys.argv[2:])\n"
    "except OSError as exc: os.write(2, f'cannot run {sys.argv[2]}: {exc.strerror}'.encode()); os._exit(127)\n"
)


# The same in namespaces where files are covered. -I leaves out the working folder and PYTHON… variables.
_COVERED_LAUNCH = (
    "import sys,os,importlib;"
    "sys.path[:]=sys.argv[3].split(os.pathsep);"
    "importlib.import_module('journeyman.tools.sandbox.covered_command')"
    ".main(int(sys.argv[1]),int(sys.argv[2]),*sys.argv[4:])"
)

_SYSTEM_ERRORS = frozenset(os.strerror(number) for number in errno.errorcode)


class _Pipes(NamedTuple):
    stdout: asyncio.ReadTransport
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class ServerProcess:
    """A server process that exchanges lines over stdin and stdout. The last 16 KiB of its stderr are kept."""

    def __init__(self, popen: subprocess.Popen[bytes], pipes: _Pipes, output: ChildOutput) -> None:
        self._popen = popen
        self._stdout, self._reader, self._writer = pipes
        self._output = output
        self._alive = True

    @classmethod
    async def start(
        cls, config: McpServerConfig, environment: Mapping[str, str], covered: Sequence[str] | None = None
    ) -> ServerProcess:
        """Start the process, in private namespaces where it finds the `covered` paths empty. None: without those.

        Raises OSError if no process can be started, or its folder does not exist.
        """
        popen = _popen(config, environment, covered)
        try:
            pipes = await _connected(popen)
        except BaseException:  # if this task is cancelled here, no other code knows of the process
            _kill(popen)
            popen.wait(_REAP_SECONDS)
            raise
        assert popen.stderr is not None
        return cls(popen, pipes, ChildOutput(os.dup(popen.stderr.fileno()), asyncio.get_running_loop()))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def unsent(self) -> int:
        """Number of bytes that the process has not read yet."""
        return self._writer.transport.get_write_buffer_size()

    async def line(self) -> bytes:
        """Wait for the next line. Returns an empty one at the end, or if a line is longer than `MAX_MESSAGE`."""
        try:
            return await self._reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            return b""

    def write(self, message: bytes) -> None:
        """Send a line, without waiting. Raises BrokenPipeError if the process has closed its stdin, or has ended."""
        if self._writer.transport.is_closing():
            raise BrokenPipeError
        try:
            self._writer.write(message + b"\n")
        except RuntimeError as exc:  # uvloop's error for a pipe that it has closed
            raise BrokenPipeError from exc

    def last_stderr(self) -> str:
        """Return what the process wrote to stderr, at most the last 16 KiB."""
        return self._output.take()

    async def aclose(self, exit_seconds: float = 0.0) -> None:
        """Close its stdin, give it time to exit, then kill its group and collect its status; idempotent."""
        if not self._alive:
            return
        self._alive = False
        self._writer.close()
        try:
            await self._wait_for_exit(exit_seconds)
        finally:
            # The group is killed before its leader is reaped: until then its id cannot belong to another process.
            _kill(self._popen)
            if self.unsent:  # without unsent data the transport is closed already, and must not be aborted then
                self._writer.transport.abort()
            self._output.close()
            self._stdout.close()  # by its owner, the transport: else it might close a reused file descriptor later
            if self._popen.stderr is not None:
                self._popen.stderr.close()
        if await self._wait_for_exit(_REAP_SECONDS):
            self._popen.poll()

    async def _wait_for_exit(self, seconds: float) -> bool:
        """Wait for the process to end, without reaping it. Returns False if it still runs after that time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not (ended := _has_ended(self._popen.pid)) and loop.time() < deadline:  # noqa: ASYNC110 - the kernel sets no Event
            await asyncio.sleep(0.005)
        return ended


def launch_failure(words: str) -> str | None:
    """Return why the command could not be run, if these words on stderr are the launcher's. None: they are not."""
    beginning, _, reason = words.rpartition(": ")
    if reason not in _SYSTEM_ERRORS:
        return None
    if beginning.startswith("cannot keep "):
        return f"it cannot be kept from the server's files ({reason}); allow namespaces, or write `sandbox: off`"
    return reason if beginning.startswith("cannot run ") else None


def _popen(
    config: McpServerConfig, environment: Mapping[str, str], covered: Sequence[str] | None
) -> subprocess.Popen[bytes]:
    launch = [_LAUNCH, str(os.getpid())]
    if covered is not None:
        launch = [_COVERED_LAUNCH, str(os.getpid()), str(len(covered)), search_path(), *covered]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", *launch, *config.command],
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
