"""A child process of the server, which it talks to over a socket and kills together with all its descendants."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import SupportsIndex

import msgspec

from journeyman.tools.process.process_tree import kill_tree
from journeyman.tools.process.protocol import (
    HEADER,
    MAX_FRAME,
    NO_EXCHANGE,
    NONCE_SIZE,
    FromChild,
    FromServer,
    decode_from_child,
    pack,
)
from journeyman.user_code.importing import search_path

OUTPUT_KEPT = 16 * 1024  # the last bytes of stdout and stderr together
_REAP_SECONDS = 2.0
# -I leaves out the working folder, PYTHON… variables and the user's site packages: sys.path is the server's.
_BOOTSTRAP = (
    "import sys,os,importlib;"
    "sys.path[:]=sys.argv[4].split(os.pathsep);"
    "importlib.import_module(sys.argv[1]).main(int(sys.argv[2]),int(sys.argv[3]),*sys.argv[5:])"
)


class ChildGoneError(Exception):
    """The process ended, or sent something that is not a frame of the current exchange."""


class ForeignFrameError(ChildGoneError):
    """The process sent a frame that is not of the current exchange: something in it writes to the socket by itself."""


class ReceivedBytes(asyncio.StreamReader):
    """What a child has sent, with the number of bytes that were not taken yet."""

    def __init__(self) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.unread = 0

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Append received bytes."""
        received = bytes(data)
        self.unread += len(received)
        super().feed_data(received)

    async def take(self, count: int) -> bytes:
        """Wait for `count` bytes and return them. Raises IncompleteReadError if the socket is closed before."""
        taken = await self.readexactly(count)
        self.unread -= count
        return taken


class ChildOutput:
    """A child's stdout and stderr: read as they come, so that the child never blocks; the last 16 KiB are kept."""

    def __init__(self, fd: int, loop: asyncio.AbstractEventLoop) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._loop = loop
        self._kept = bytearray()
        self._since_taken = 0
        self._limit: int | None = None
        self._on_excess: Callable[[], None] | None = None
        self._open = True
        loop.add_reader(fd, self._read)

    @contextlib.contextmanager
    def limited(self, limit: int, on_excess: Callable[[], None]) -> Iterator[None]:
        """Within the block, call `on_excess` once if more than `limit` bytes were printed since the last `take`."""
        self._limit, self._on_excess = limit, on_excess
        try:
            yield
        finally:
            self._limit = self._on_excess = None

    def take(self) -> str:
        """Return what was printed since the last call of this method, at most its last 16 KiB."""
        for _ in range(32):  # what the child printed before it sent its last frame is in the pipe by now
            if not self._read():
                break
        text = self._kept.decode(errors="replace")
        self._kept.clear()
        self._since_taken = 0
        return text

    def _read(self) -> bool:
        if not self._open:
            return False
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._fd)
            return False
        self._kept += data
        del self._kept[:-OUTPUT_KEPT]
        self._since_taken += len(data)
        if self._limit is not None and self._since_taken > self._limit and self._on_excess is not None:
            self._limit = None  # once
            self._on_excess()
        return True

    def close(self) -> None:
        """Stop reading and close the pipe; idempotent."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._fd)
            os.close(self._fd)


class Child:
    """A child process that leads its own session and process group."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: ReceivedBytes,
        writer: asyncio.StreamWriter,
        output: ChildOutput,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._arrived = select.poll()
        self._arrived.register(writer.get_extra_info("socket").fileno(), select.POLLIN)
        self._nonce = NO_EXCHANGE
        self._alive = True
        self.output = output

    @classmethod
    async def spawn(cls, module: str, env: Mapping[str, str], *extra: str) -> Child:
        """Start a new interpreter that runs `module.main(fd, parent's pid, *extra)`.

        Raises:
            OSError: no process can be started, or no file descriptors are left for it.
        """
        server_end, child_end = socket.socketpair()
        out_read, out_write = os.pipe()
        try:
            process = cls._popen(module, child_end.fileno(), out_write, env, extra)
        except BaseException:
            server_end.close()
            os.close(out_read)
            raise
        finally:
            child_end.close()
            os.close(out_write)
        output = ChildOutput(out_read, asyncio.get_running_loop())
        try:
            reader, writer = await _opened(server_end)
        except BaseException:  # if this task is cancelled here, no other code knows of the process
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(_REAP_SECONDS)
            server_end.close()
            output.close()
            raise
        return cls(process, reader, writer, output)

    @staticmethod
    def _popen(
        module: str, fd: int, out: int, env: Mapping[str, str], extra: tuple[str, ...]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-X",
                "utf8",
                "-c",
                _BOOTSTRAP,
                module,
                str(fd),
                str(os.getpid()),
                search_path(),
                *extra,
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=(fd,),
            env=dict(env),
            start_new_session=True,
        )

    @property
    def usable(self) -> bool:
        """Whether the process has not been killed, its socket is open, and no received bytes are left."""
        return self._alive and not self._reader.at_eof() and not self._reader.unread

    @property
    def can_begin(self) -> bool:
        """Whether an exchange can begin: as `usable`, and no bytes of an earlier one wait in the kernel either."""
        return self.usable and not self._arrived.poll(0)

    def begin_exchange(self) -> None:
        """Begin an exchange: its frames, of both sides, have a new nonce.

        Raises:
            ChildGoneError: the socket is closed, or bytes of an earlier exchange are left in it.
        """
        if not self.can_begin:
            raise ChildGoneError("the socket is closed, or holds more than the frames of the last exchange")
        self._nonce = secrets.token_bytes(NONCE_SIZE)

    async def send(self, frame: FromServer) -> None:
        """Send a frame. Raises ChildGoneError."""
        try:
            self._writer.write(pack(frame, self._nonce))
            await self._writer.drain()
        except OSError as exc:
            raise ChildGoneError from exc

    async def receive(self) -> FromChild:
        """Wait for the next frame, without a time limit. Raises ChildGoneError, also for one of another exchange."""
        try:
            size, nonce = HEADER.unpack(await self._reader.take(HEADER.size))
            if nonce != self._nonce:
                raise ForeignFrameError("the frame is not of this exchange")
            if size > MAX_FRAME:
                raise ChildGoneError("the frame is too large")
            return decode_from_child(await self._reader.take(size))
        except (asyncio.IncompleteReadError, OSError, msgspec.MsgspecError) as exc:
            raise ChildGoneError from exc

    def kill(self) -> None:
        """Kill the process, its descendants and its group, without waiting for their end; idempotent.

        The group is killed before its leader is reaped: until then its id cannot belong to another process.
        """
        if not self._alive:
            return
        self._alive = False
        kill_tree(self._process.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._writer.transport.abort()
        self.output.close()

    def close_socket(self) -> None:
        """Close the socket, at which the child cleans up and exits."""
        self._writer.close()

    async def wait_for_exit(self, seconds: float = _REAP_SECONDS) -> int | None:
        """Return the exit status (negative: the number of the signal), or None if it still runs after `seconds`.

        The status is polled: `asyncio.subprocess` can wait for ever for a child whose output is paused.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (status := _status(self._process.pid)) is None and loop.time() < deadline:  # noqa: ASYNC110 - the kernel sets no Event
            await asyncio.sleep(0.002)
        return status

    async def reap(self) -> None:
        """Kill the process if it still runs, and collect its exit status."""
        self.kill()
        if await self.wait_for_exit() is not None:
            self._process.poll()


async def _opened(sock: socket.socket) -> tuple[ReceivedBytes, asyncio.StreamWriter]:
    reader, loop = ReceivedBytes(), asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_connection(lambda: protocol, sock=sock)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _status(pid: int) -> int | None:
    """Return how a child ended, None if it runs. It stays unreaped, so that its id is not given to another process."""
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
