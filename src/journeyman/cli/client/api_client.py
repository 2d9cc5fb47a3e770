"""How commands reach the runs: the HTTP API, of a server that is up or of an application in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from journeyman.errors import BaseError, ForbiddenError, NotFoundError, ServiceError, StateError, UnauthenticatedError

BODY_CAP = 64 << 20  # bytes of one answer


class Frame(msgspec.Struct, frozen=True):
    """One event of a stream: its type, its data, and its seq where it is a stored one."""

    type: str
    data: dict[str, Any]
    seq: int | None = None


class ApiClient(Protocol):
    """The HTTP API, waited for. A context manager: leave it to hang up."""

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer's JSON.

        Raises what `refusal` makes of a status from 400, ServiceUnavailableError when nobody answers, and
        KeyboardInterrupt on Ctrl-C.
        """
        ...

    def stream(self, method: str, path: str, body: object = None) -> Iterator[Frame]:
        """The frames of a stream until the server ends it. Raises as `call` does."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def frames(lines: Iterable[bytes]) -> Iterator[Frame]:
    """Server-sent events from their lines; comments and incomplete events are left out."""
    kind, seq, data = "message", None, b""
    for raw in lines:
        line = raw.rstrip(b"\r\n")
        if not line:
            if data:
                yield Frame(kind, msgspec.json.decode(data), seq)
            kind, seq, data = "message", None, b""
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"event":
                kind = value.decode()
            case b"id":
                seq = int(value) if value.isdigit() else None
            case b"data":
                data = data + b"\n" + value if data else value


def error_of_answer(status: int, body: bytes) -> BaseError:
    """An answer from 400 on as an error of our tree, with its sentence and code."""
    try:
        problem = msgspec.json.decode(body)
        sentence, code = str(problem["error"]), str(problem["code"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return ServiceError(f"The server answered {status} without saying why: is this a Journeyman server?")
    if status == 401:
        return UnauthenticatedError("The server asks who you are: set JOURNEYMAN_API_KEY to a key that is valid there")
    if status == 403:
        return ForbiddenError(sentence, code=code)
    if status == 404:
        return NotFoundError(sentence, code=code)
    if status in (409, 422):
        return StateError(sentence, code=code)
    return ServiceError(sentence, code=code, status=status)
