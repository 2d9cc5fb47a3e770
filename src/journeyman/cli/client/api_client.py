"""The HTTP API as commands call it: the protocol that both clients implement, and what they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from journeyman.errors import BaseError, ForbiddenError, NotFoundError, ServiceError, StateError, UnauthenticatedError

MAX_RESPONSE_BYTES = 64 << 20


class Frame(msgspec.Struct, frozen=True):
    """One frame of an event stream. `seq` is None for live frames, which are not stored."""

    type: str
    data: dict[str, Any]
    seq: int | None = None


class FailedRunError(ServiceError):
    """Raised for a response that tells that the run which it waited for has failed. `run_id` names the run."""

    def __init__(self, message: str, *, code: str, status: int | None, run_id: str) -> None:
        super().__init__(message, code=code, status=status)
        self.run_id = run_id


class ApiClient(Protocol):
    """A blocking client of the HTTP API. Used as a context manager, it disconnects at the end."""

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send a request and return the decoded JSON of its response, or None if the response has no body.

        Raises the error of `error_from_response` for a status of 400 or above, ServiceUnavailableError if no server
        answers, and KeyboardInterrupt on Ctrl-C.
        """
        ...

    def stream(self, method: str, path: str, body: object = None) -> Iterator[Frame]:
        """Send a request and yield the frames of its event stream until the server ends it. Raises as `call` does."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def parse_frames(lines: Iterable[bytes]) -> Iterator[Frame]:
    """Parse server-sent events from their lines. Comments and incomplete events are skipped."""
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


def error_from_response(status: int, body: bytes) -> BaseError:
    """Return the error for a response with a status of 400 or above, with the server's sentence and error code."""
    try:
        problem = msgspec.json.decode(body)
        sentence, code = str(problem["error"]), str(problem["code"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return ServiceError(
            f"The server answered with status {status} and gave no reason. Check that it is a Journeyman server."
        )
    if status == 401:
        return UnauthenticatedError(
            "The server requires an API key. Set JOURNEYMAN_API_KEY to a key that is valid on this server."
        )
    if status == 403:
        return ForbiddenError(sentence, code=code)
    if status == 404:
        return NotFoundError(sentence, code=code)
    if status in (409, 422):
        return StateError(sentence, code=code)
    if isinstance(run_id := problem.get("run_id"), str):
        return FailedRunError(sentence, code=code, status=status, run_id=run_id)
    return ServiceError(sentence, code=code, status=status)
