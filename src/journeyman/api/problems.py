"""Errors as answers: maps each error to its status and body (application/problem+json, RFC 9457)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from http import HTTPStatus

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Send

from journeyman.api.security.request_context import RequestContext
from journeyman.errors import (
    BaseError,
    ForbiddenError,
    HistoryUnreadableError,
    IdempotencyError,
    JournalLostError,
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
    ToolValidationError,
    UnauthenticatedError,
    ValidationError,
)
from journeyman.events.messages import valid_text
from journeyman.exhaustion import Resource, exhausted_by
from journeyman.ids import Ids

_LOG = logging.getLogger(__name__)
_ENCODER = msgspec.json.Encoder()
MEDIA_TYPE = b"application/problem+json"

# The nearest class in an error's ancestry decides, unless the error's code is in STATUS_OF_CODE.
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
    HistoryUnreadableError: 409,
}
STATUS_OF_CODE = {
    "rate_limited": 429,
    "too_many_bytes": 429,
    "quota_exhausted": 429,
    "storage_full": 507,
    "files_full": 507,
    "file_too_large": 413,
    "file_empty": 422,
    "picture_too_large": 422,
    "not_a_picture": 422,
    "unsupported_content": 422,
    "gateway_rate_limited": 503,
    "gateway_circuit_open": 503,
    "gateway_overloaded": 503,
    "gateway_throttled": 503,
    "gateway_timeout": 504,
}
_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed"}
# Sent instead of the error's own message, which may name files or settings; the log has that.
_GENERIC_MESSAGES = {
    500: "The server failed to answer this request. Its log has the details under this `error_id`.",
    503: "The journal is not available now. A request that was not answered had no effect. Try again.",
    507: "The disk of the journal is full. A request that was not answered had no effect.",
}
_EXHAUSTED: dict[Resource, str] = {
    "memory": "The server has no memory for this request now. Try again in a moment.",
    "threads": "The server cannot start a thread for this request now. Try again in a moment.",
    "files": "The server cannot open a file or connection for this request now. Try again in a moment.",
}
Mask = Callable[[str], str]
_RETRY_AFTER = 1  # seconds, if the error names none


class FieldProblem(msgspec.Struct, frozen=True):
    """One invalid field of a request."""

    path: str
    message: str


class RequestError(ValidationError):
    """A request that is rejected before it reaches a use case. `fields` names the wrong fields.

    If `path` is given, it is the only wrong field, and the message is about it.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 422,
        code: str | None = None,
        path: str | None = None,
        fields: Sequence[FieldProblem] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.fields = (FieldProblem(path, message),) if path is not None else tuple(fields)


class GatewayFailure(ServiceError):
    """The answer to a request whose run failed because of the model gateway. The run exists and has ended."""

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


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """An error (RFC 9457). `code` is stable, for programs; `error_id` finds the details in the server's log."""

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
    """Return the HTTP status that an error is answered with; 500 for an unexpected one."""
    if isinstance(exc, RequestError):
        return exc.status
    if isinstance(exc, HTTPException):
        return exc.status_code
    if isinstance(exc, RequestValidationError):
        return 422
    if isinstance(exc, BaseError) and exc.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[exc.code]
    if _is_exhausted(exc):
        return 503
    return next((STATUS_OF_CLASS[cls] for cls in type(exc).__mro__ if cls in STATUS_OF_CLASS), 500)


def _is_exhausted(exc: BaseException) -> bool:
    """Return whether an unexpected error comes from a lack of memory, threads or files."""
    return not isinstance(exc, BaseError) and exhausted_by(exc) is not None


def _unmasked(text: str) -> str:
    return text


def problem_of(exc: BaseException, ids: Ids, mask: Mask = _unmasked) -> ProblemDetails:
    """Log an error and return what the client may know of it. `mask` removes secrets from its messages."""
    status = status_of(exc)
    code, message = _code_and_message(exc, status)
    message = mask(message)
    error_id = getattr(exc, "error_id", None) or ids.new("err")
    _log(exc, status, code, error_id)
    return ProblemDetails(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=message,
        error=message,
        code=code,
        error_id=error_id,
        errors=[FieldProblem(mask(each.path), mask(each.message)) for each in _fields(exc)] or msgspec.UNSET,
        run_id=getattr(exc, "run_id", msgspec.UNSET),
        thread_id=getattr(exc, "thread_id", msgspec.UNSET),
    )


def _code_and_message(exc: BaseException, status: int) -> tuple[str, str]:
    if isinstance(exc, RequestValidationError):
        return "invalid_request", "; ".join(f"{field.path}: {field.message}" for field in _fields(exc))
    if isinstance(exc, HTTPException):
        phrase = HTTPStatus(status).phrase
        code = _CODE_OF_STATUS.get(status, phrase.lower().replace(" ", "_"))
        return code, f"{phrase}. See /docs for the routes of this server."
    if not isinstance(exc, BaseError):
        resource = exhausted_by(exc)
        return ("exhausted", _EXHAUSTED[resource]) if resource else ("internal_error", _GENERIC_MESSAGES[500])
    if isinstance(exc, JournalLostError):
        return exc.code, f"Nothing can be written: {exc.reason}. Its operator has to repair the journal and restart."
    if status == 500 or (isinstance(exc, StorageError) and not isinstance(exc, HistoryUnreadableError)):
        return exc.code, _GENERIC_MESSAGES[status]
    return exc.code, valid_text(exc.message)


def _fields(exc: BaseException) -> list[FieldProblem]:
    if isinstance(exc, RequestError):
        return [FieldProblem(field.path, valid_text(field.message)) for field in exc.fields]
    if isinstance(exc, ToolValidationError):
        return [FieldProblem(valid_text(path), valid_text(problem)) for path, problem in exc.fields]
    if not isinstance(exc, RequestValidationError):
        return []
    return [
        FieldProblem(_dotted(error["loc"]), valid_text(str(error["msg"]).removeprefix("Value error, ")))
        for error in exc.errors()[:20]
    ]


def _dotted(location: Sequence[object]) -> str:
    return valid_text(".".join(str(part) for part in location))


def _log(exc: BaseException, status: int, code: str, error_id: str) -> None:
    facts = {"error_id": error_id, "code": code, "status": status}
    if status >= 500 and not isinstance(exc, GatewayFailure):
        _LOG.error("request failed", extra=facts, exc_info=exc)
    else:
        _LOG.info("request refused: %s", exc, extra=facts)


def problem_retry_after(exc: BaseException, status: int) -> int | None:
    """Return the seconds for a Retry-After header: the error's own, or 1 if a retry may help, else None."""
    advice = exc.retry_after if isinstance(exc, BaseError) else None
    if advice is not None:
        return max(1, math.ceil(advice))
    return _RETRY_AFTER if status in (429, 503) else None


def problem_headers(exc: BaseException, status: int) -> list[tuple[bytes, bytes]]:
    """Return the headers of an error's answer."""
    headers = [(b"content-type", MEDIA_TYPE)]
    seconds = problem_retry_after(exc, status)
    if seconds is not None:
        headers.append((b"retry-after", str(seconds).encode()))
    if isinstance(exc, HTTPException) and exc.headers:
        headers += [(name.lower().encode(), value.encode()) for name, value in exc.headers.items()]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="journeyman"'))
    if isinstance(exc, RequestError) and exc.code == "encoded_body":
        headers.append((b"accept-encoding", b"identity"))
    if status in (408, 413):
        headers.append((b"connection", b"close"))
    return headers


def answer_problem(exc: BaseException, context: RequestContext, ids: Ids, mask: Mask = _unmasked) -> Response:
    """Return an error as the response to a request, and record its code in the request's context."""
    problem = problem_of(exc, ids, mask)
    context.failed(problem.code)
    headers = problem_headers(exc, problem.status)
    if context.form is None:
        response = Response(_ENCODER.encode(problem), problem.status)
    else:
        shaped = context.form.error(problem, b"idempotency-key" in context.headers)
        response = Response(_ENCODER.encode(shaped.body), shaped.status)
        headers = [*shaped.headers, *(each for each in headers if each[0] != b"content-type")]
    response.raw_headers += headers
    return response


async def send_problem(
    send: Send, exc: BaseException, context: RequestContext, ids: Ids, mask: Mask = _unmasked
) -> None:
    """Send an error as the answer to a request."""
    response = answer_problem(exc, context, ids, mask)
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body})
