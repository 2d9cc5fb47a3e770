"""The frames that the server and its child processes exchange: JSON over a socket, after its length and a nonce.

The nonce is random for each exchange (the load of a tool, or a call) and on every frame of both sides.

Worker processes load this: keep its imports few.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from typing import Any, Literal

import msgspec

from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.errors import Problem, StateError
from journeyman.events.messages import JSON
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.spec import CallRequest, Question, ToolSpec
from journeyman.tools.tool_file import ToolFile

NONCE_SIZE = 16
NO_EXCHANGE = bytes(NONCE_SIZE)  # the nonce of frames before the first exchange
HEADER = struct.Struct(f">I{NONCE_SIZE}s")
MAX_FRAME = 16 * 1024 * 1024  # bytes


class _Frame(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    pass


class Load(_Frame, frozen=True, kw_only=True):
    """To a worker: import this tool. `files`: the sources of its folder, unless the worker has them already."""

    target: ImportTarget
    files: dict[str, bytes] = {}


class RunTool(_Frame, frozen=True, kw_only=True):
    """To a worker: run this tool, which it has loaded."""

    target: ImportTarget
    request: CallRequest


class PatchAnswer(_Frame, frozen=True, kw_only=True):
    """To a worker: its `Patch` was recorded, or `error` says why not."""

    error: str | None = None


class Fetch(_Frame, frozen=True, kw_only=True):
    """From a worker: make this HTTP request for the tool."""

    request: HttpRequest


class Fetched(_Frame, frozen=True, kw_only=True):
    """To a worker: the reply to its HTTP request, or the facts of the ServiceError."""

    reply: HttpReply | None = None
    kind: Literal["timeout", "unavailable", "other"] = "other"
    code: str = ""
    message: str = ""
    retry_after: float | None = None


class Ask(_Frame, frozen=True, kw_only=True):
    """From a worker: ask a human this question."""

    question: Question


class AskAnswered(_Frame, frozen=True, kw_only=True):
    """To a worker: the human's answer, or `error` says why the tool may not ask.

    Neither is given if there is no answer yet: the call ends, to run again once there is one.
    """

    answer: str | None = None
    error: str | None = None


class Ready(_Frame, frozen=True, kw_only=True):
    """From a child: it has started."""


class ToolLoaded(_Frame, frozen=True, kw_only=True):
    """From a worker: the tool can be called, or `error` says why not."""

    error: str | None = None


class ProgressReport(_Frame, frozen=True, kw_only=True):
    """From a worker: show this progress."""

    value: str | float


class Patch(_Frame, frozen=True, kw_only=True):
    """From a worker: record this JSON Merge Patch of a context."""

    scope: Literal["thread", "global"]
    patch: dict[str, JSON]


class LogLine(_Frame, frozen=True, kw_only=True):
    """From a worker: log this line of a call."""

    run_id: str
    call: str
    level: int
    message: str


class Done(_Frame, frozen=True, kw_only=True):
    """From a worker: the call is over. `result` is the text for the model; None if it failed."""

    result: str | None = None
    files: tuple[ToolFile, ...] = ()
    code: str = ""
    message: str = ""
    detail: str | None = None
    transient: bool = False
    retry: bool = False  # the tool raised ToolRetry
    retry_after: float | None = None
    reusable: bool = True  # whether the process may serve another call


class Scan(_Frame, frozen=True, kw_only=True):
    """To the discovery process: import these files, one after the other."""

    root: str
    files: list[str]
    sources: dict[str, bytes] = {}


class ImportStarted(_Frame, frozen=True, kw_only=True):
    """From the discovery process: it imports the next file now."""


class ReportedTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool of a `FileReport`: the attribute of the file, and its spec."""

    spec: ToolSpec
    attribute: str
    line: int | None = None
    declares_isolation: bool = True


class FileReport(_Frame, frozen=True, kw_only=True):
    """From the discovery process: the tools of the file that it imported, and the problems."""

    tools: list[ReportedTool] = []
    problems: list[Problem] = []


FromServer = Load | RunTool | PatchAnswer | Fetched | AskAnswered | Scan
FromChild = Ready | ToolLoaded | ProgressReport | Patch | Fetch | Ask | LogLine | Done | ImportStarted | FileReport

_encode = msgspec.json.Encoder().encode
_server_decoder: msgspec.json.Decoder[FromServer] = msgspec.json.Decoder(FromServer)
decode_from_server = _server_decoder.decode
_child_decoder: msgspec.json.Decoder[FromChild] = msgspec.json.Decoder(FromChild)
decode_from_child = _child_decoder.decode


def pack(frame: Any, nonce: bytes = NO_EXCHANGE) -> bytes:
    """Encode a frame, with its length and the nonce of its exchange before it."""
    body = _encode(frame)
    return HEADER.pack(len(body), nonce) + body


class ChildChannel:
    """The child's end of the socket; its methods block. Processes that the child starts do not have it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.set_inheritable(False)
        self._sock = sock
        self._owner = os.getpid()
        self._nonce: bytes | None = NO_EXCHANGE
        self._sending = threading.Lock()  # threads of a tool may send, too
        os.register_at_fork(after_in_child=sock.close)

    @property
    def owned(self) -> bool:
        """Whether this process is the child itself, and not a process that a tool forked."""
        return os.getpid() == self._owner  # asked of the system: a fork in C runs no hooks

    @property
    def in_exchange(self) -> bool:
        """Whether frames can be sent."""
        return self.owned and self._nonce is not None

    def send(self, frame: FromChild) -> None:
        """Send a frame of the current exchange to the server. Raises StateError if there is none."""
        self._check_owner()
        with self._sending:
            self._sock.sendall(pack(frame, self._current_nonce()))

    def end_exchange(self, frame: FromChild) -> None:
        """Send the last frame of the current exchange: nothing more is sent before the next one begins."""
        self._check_owner()
        with self._sending:
            data = pack(frame, self._current_nonce())
            self._nonce = None
            self._sock.sendall(data)

    def next_exchange(self) -> FromServer | None:
        """Wait for the first frame of an exchange, and answer with its nonce. Returns None if the socket is closed."""
        frame, self._nonce = self._frame()
        return frame

    def receive(self) -> FromServer | None:
        """Wait for the next frame. Returns None if the socket is closed, or the frame is of another exchange."""
        self._check_owner()
        frame, nonce = self._frame()
        return frame if nonce == self._nonce else None

    def _check_owner(self) -> None:
        if not self.owned:
            raise StateError(
                "a process that the tool started cannot reach the server: have it return its result to the tool"
            )

    def _current_nonce(self) -> bytes:
        if self._nonce is None:
            raise StateError("the call is over: nothing can be sent for it any more")
        return self._nonce

    def _frame(self) -> tuple[FromServer | None, bytes | None]:
        header = self._read(HEADER.size)
        if not header:
            return None, None
        size, nonce = HEADER.unpack(header)
        body = self._read(size)
        return (decode_from_server(body), nonce) if body else (None, None)

    def _read(self, count: int) -> bytes:
        """Read exactly `count` bytes; none if the socket ends before that."""
        chunks = bytearray()
        while len(chunks) < count:
            chunk = self._sock.recv(min(count - len(chunks), 1 << 20))
            if not chunk:
                return b""
            chunks += chunk
        return bytes(chunks)
