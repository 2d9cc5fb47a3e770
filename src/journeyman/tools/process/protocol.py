"""What passes between the server and its child processes: length-prefixed JSON over a socket of its own, never stdout.

Loaded by both sides: keep its imports few.
"""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any, Literal

import msgspec

from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.events.messages import JSON
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.spec import CallRequest, Question, ToolSpec

HEADER = struct.Struct(">I")
MAX_FRAME = 16 * 1024 * 1024  # bytes


class _Frame(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    pass


class Load(_Frame, frozen=True, kw_only=True):
    """To a worker: import this tool. `files`: the sources of its folder, where it has none of them yet."""

    target: ImportTarget
    files: dict[str, bytes] = {}


class RunTool(_Frame, frozen=True, kw_only=True):
    """To a worker: run a tool that it has loaded."""

    target: ImportTarget
    request: CallRequest


class PatchAnswer(_Frame, frozen=True, kw_only=True):
    """To a worker: the patch it sent is recorded, or why not."""

    error: str | None = None


class Fetch(_Frame, frozen=True, kw_only=True):
    """From a worker: make this request for the tool."""

    request: HttpRequest


class Fetched(_Frame, frozen=True, kw_only=True):
    """To a worker: the reply to its request, or why there is none."""

    reply: HttpReply | None = None
    kind: Literal["timeout", "unavailable", "other"] = "other"
    code: str = ""
    message: str = ""
    retry_after: float | None = None


class Ask(_Frame, frozen=True, kw_only=True):
    """From a worker: the tool asks a human."""

    question: Question


class AskAnswered(_Frame, frozen=True, kw_only=True):
    """To a worker: what the human said; without it the tool unwinds, or `error` says why it may not ask."""

    answer: str | None = None
    error: str | None = None


class Ready(_Frame, frozen=True, kw_only=True):
    """From a worker: started."""


class ToolLoaded(_Frame, frozen=True, kw_only=True):
    """From a worker: the tool can be called, or why not."""

    error: str | None = None


class ProgressReport(_Frame, frozen=True, kw_only=True):
    value: str | float


class Patch(_Frame, frozen=True, kw_only=True):
    scope: Literal["thread", "global"]
    patch: dict[str, JSON]


class LogLine(_Frame, frozen=True, kw_only=True):
    run_id: str
    call: str
    level: int
    message: str


class Done(_Frame, frozen=True, kw_only=True):
    """From a worker: the call is over. `result` is the text for the model."""

    result: str | None = None
    code: str = ""
    message: str = ""
    detail: str | None = None
    transient: bool = False
    retry: bool = False  # the tool raised ToolRetry
    retry_after: float | None = None
    tainted: bool = False  # the process should not serve another call


class Scan(_Frame, frozen=True, kw_only=True):
    """To a discovery child: import these files, one after the other."""

    root: str
    files: list[str]
    sources: dict[str, bytes] = {}


class Begin(_Frame, frozen=True, kw_only=True):
    """From a discovery child: the import of the next file begins."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A Problem on its way."""

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    remedy: str | None = None
    severity: str = "error"


class ToolSeen(msgspec.Struct, frozen=True, kw_only=True):
    spec: ToolSpec
    attribute: str
    line: int | None = None
    says_isolation: bool = True


class Report(_Frame, frozen=True, kw_only=True):
    """From a discovery child: what the file holds."""

    tools: list[ToolSeen] = []
    troubles: list[Trouble] = []


FromServer = Load | RunTool | PatchAnswer | Fetched | AskAnswered | Scan
FromChild = Ready | ToolLoaded | ProgressReport | Patch | Fetch | Ask | LogLine | Done | Begin | Report

_encode = msgspec.json.Encoder().encode
_server_decoder: msgspec.json.Decoder[FromServer] = msgspec.json.Decoder(FromServer)
decode_from_server = _server_decoder.decode
_child_decoder: msgspec.json.Decoder[FromChild] = msgspec.json.Decoder(FromChild)
decode_from_child = _child_decoder.decode


def pack(frame: Any) -> bytes:
    """A frame with its length before it."""
    body = _encode(frame)
    return HEADER.pack(len(body)) + body


class ChildChannel:
    """The child's side: blocking."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sending = threading.Lock()  # a tool may speak from threads of its own

    def send(self, frame: FromChild) -> None:
        data = pack(frame)
        with self._sending:
            self._sock.sendall(data)

    def receive(self) -> FromServer | None:
        """The next frame; None when the server is gone."""
        header = self._exactly(HEADER.size)
        body = self._exactly(HEADER.unpack(header)[0]) if header else b""
        return decode_from_server(body) if body else None

    def _exactly(self, count: int) -> bytes:
        chunks = bytearray()
        while len(chunks) < count:
            chunk = self._sock.recv(min(count - len(chunks), 1 << 20))
            if not chunk:
                return b""
            chunks += chunk
        return bytes(chunks)
