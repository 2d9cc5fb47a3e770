"""Errors as answers: the one place where an error becomes a status (application/problem+json, RFC 9457)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from http import HTTPStatus

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope, Send

from journeyman.errors import (
    BaseError,
    ForbiddenError,
    IdempotencyError,
    NotFoundError,
    QueueFullError,
    ResourceError,
    ServiceError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    StaleEpochError,
    StateError,
    StorageError,
    ToolError,
    ToolExecutionError,
    ToolNotFoundError,
    ToolRegistrationError,
    UnauthenticatedError,
    ValidationError,
)
from journeyman.events.messages import valid_text
from journeyman.ids import Ids

_LOG = logging.getLogger(__name__)
_ENCODER = msgspec.json.Encoder()
_KEY = "journeyman.problem"
MEDIA_TYPE = b"application/problem+json"

# The nearest class in an error's ancestry decides, unless its code is in the second table.
STATUS_OF_CLASS: dict[type[BaseException], int] = {
    BaseError: 500,
    ValidationError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    ToolError: 400,
    ToolNotFoundError: 404,
    ToolExecutionError: 500,
    ToolRegistrationError: 500,
    StateError: 409,
    NotFoundError: 404,
    QueueFullError: 429,
    IdempotencyError: 422,
    StaleEpochError: 503,
    ServiceError: 502,
    ServiceTimeoutError: 504,
    ServiceUnavailableError: 503,
    ResourceError: 503,
    StorageError: 503,
}
STATUS_OF_CODE = {
    "rate_limited": 429,
    "quota_exhausted": 429,
    "storage_full": 507,
    "gateway_rate_limited": 503,
    "gateway_circuit_open": 503,
    "gateway_overloaded": 503,
    "gateway_throttled": 503,
    "gateway_timeout": 504,
}
_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed"}
# What an operator reads in the log, a client does not: the message may name files or settings.
_SENTENCES = {
    500: "Something went wrong here. The log has the rest under the error_id.",
    503: "The journal cannot be reached now; what was not acknowledged did not happen. Try again.",
    507: "The disk that holds the journal is full; what was not acknowledged did not happen.",
}
Mask = Callable[[str], str]
_RETRY_AFTER = 1  # seconds, where the error has no advice


class RequestError(ValidationError):
    """A request that is refused at the door, with the status that says why and the path of the field at fault."""

    def __init__(self, message: str, *, status: int = 422, code: str | None = None, path: str | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.path = path


class GatewayFailure(ServiceError):
    """A run that failed because of the gateway: the run exists and is over."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        error_id: str | None,
        run_id: str,
        thread_id: str,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, retry_after=retry_after)
        self.error_id = error_id
        self.run_id = run_id
        self.thread_id = thread_id


class FieldProblem(msgspec.Struct, frozen=True):
    """One field that does not validate."""

    path: str
    message: str


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457, and beside it a sentence, a stable word, and the id under which the log has the rest."""

    title: str
    status: int
    detail: str
    error: str
    code: str
    error_id: str
    type: str = "about:blank"
    errors: list[FieldProblem] | msgspec.UnsetType = msgspec.UNSET
    run_id: str | msgspec.UnsetType = msgspec.UNSET
    thread_id: str | msgspec.UnsetType = msgspec.UNSET


def status_of(exc: BaseException) -> int:
    if isinstance(exc, RequestError):
        return exc.status
    if isinstance(exc, HTTPException):
        return exc.status_code
    if isinstance(exc, RequestValidationError):
        return 422
    if isinstance(exc, BaseError) and exc.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[exc.code]
    return next((STATUS_OF_CLASS[cls] for cls in type(exc).__mro__ if cls in STATUS_OF_CLASS), 500)


def _unmasked(text: str) -> str:
    return text


def problem_of(exc: BaseException, ids: Ids, mask: Mask = _unmasked) -> ProblemDetails:
    """What the client is told; the log is told the rest. `mask` takes secrets out of the sentences."""
    status = status_of(exc)
    code, sentence = _words(exc, status)
    sentence = mask(sentence)
    error_id = getattr(exc, "error_id", None) or ids.new("err")
    _record(exc, status, code, error_id)
    return ProblemDetails(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=sentence,
        error=sentence,
        code=code,
        error_id=error_id,
        errors=[FieldProblem(mask(each.path), mask(each.message)) for each in _fields(exc)] or msgspec.UNSET,
        run_id=getattr(exc, "run_id", msgspec.UNSET),
        thread_id=getattr(exc, "thread_id", msgspec.UNSET),
    )


def _words(exc: BaseException, status: int) -> tuple[str, str]:
    if isinstance(exc, RequestValidationError):
        return "invalid_request", "; ".join(f"{field.path}: {field.message}" for field in _fields(exc))
    if isinstance(exc, HTTPException):
        phrase = HTTPStatus(status).phrase
        code = _CODE_OF_STATUS.get(status, phrase.lower().replace(" ", "_"))
        return code, f"{phrase}: /docs lists what there is."
    if not isinstance(exc, BaseError):
        return "internal_error", _SENTENCES[500]
    if status == 500 or isinstance(exc, StorageError):
        return exc.code, _SENTENCES[status]
    return exc.code, valid_text(exc.message)


def _fields(exc: BaseException) -> list[FieldProblem]:
    if isinstance(exc, RequestError) and exc.path is not None:
        return [FieldProblem(exc.path, valid_text(exc.message))]
    if not isinstance(exc, RequestValidationError):
        return []
    return [
        FieldProblem(_dotted(error["loc"]), valid_text(str(error["msg"]).removeprefix("Value error, ")))
        for error in exc.errors()[:20]
    ]


def _dotted(location: Sequence[object]) -> str:
    return valid_text(".".join(str(part) for part in location))


def _record(exc: BaseException, status: int, code: str, error_id: str) -> None:
    facts = {"error_id": error_id, "code": code, "status": status}
    if status >= 500 and not isinstance(exc, GatewayFailure):
        _LOG.error("request failed", extra=facts, exc_info=exc)
    else:
        _LOG.info("request refused: %s", exc, extra=facts)


def problem_retry_after(exc: BaseException, status: int) -> int | None:
    """Seconds for the Retry-After header: the error's own advice, or a second where coming back makes sense."""
    advice = exc.retry_after if isinstance(exc, BaseError) else None
    if advice is not None:
        return max(1, math.ceil(advice))
    return _RETRY_AFTER if status in (429, 503) else None


def problem_headers(exc: BaseException, status: int) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", MEDIA_TYPE)]
    seconds = problem_retry_after(exc, status)
    if seconds is not None:
        headers.append((b"retry-after", str(seconds).encode()))
    if isinstance(exc, HTTPException) and exc.headers:
        headers += [(name.lower().encode(), value.encode()) for name, value in exc.headers.items()]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="journeyman"'))
    if status in (408, 413):
        headers.append((b"connection", b"close"))
    return headers


def answer_problem(exc: BaseException, scope: Scope, ids: Ids, mask: Mask = _unmasked) -> Response:
    """The error as a response to the request of this scope."""
    problem = problem_of(exc, ids, mask)
    scope[_KEY] = problem.code
    response = Response(_ENCODER.encode(problem), problem.status)
    response.raw_headers += problem_headers(exc, problem.status)
    return response


async def send_problem(send: Send, exc: BaseException, scope: Scope, ids: Ids, mask: Mask = _unmasked) -> None:
    """The same, where there is no response to return."""
    response = answer_problem(exc, scope, ids, mask)
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body})


def problem_code(scope: Scope) -> str:
    """The code of the error that this request was answered with; empty: none."""
    code: str = scope.get(_KEY, "")
    return code
