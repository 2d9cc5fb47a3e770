"""Errors as OpenAI writes them: one table from our status and code to theirs."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from journeyman.api.problems import ProblemDetails
from journeyman.api.protocols.form import Headers, ProtocolForm, ShapedError

PREFIX = "/v1/"

# our status -> their status and type
_OF_STATUS: dict[int, tuple[int, str]] = {
    401: (401, "authentication_error"),
    403: (403, "permission_error"),
    404: (404, "invalid_request_error"),
    409: (409, "conflict_error"),
    422: (400, "invalid_request_error"),
    429: (429, "rate_limit_error"),
    507: (503, "server_error"),
}
# our code -> their code, where theirs is known to clients
_OF_CODE = {
    "unauthenticated": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
    "queue_full": "rate_limit_exceeded",
    "too_many_runs": "rate_limit_exceeded",
    "quota_exhausted": "insufficient_quota",
    "gateway_context_length": "context_length_exceeded",
}


class OpenAIErrorFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What OpenAI's form has no field for: the id to look for in the log, and the run that was started."""

    error_id: str
    run_id: str | None = None
    thread_id: str | None = None


class OpenAIErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """An error. `param` is the wrong field of the request, or null."""

    message: str
    type: str
    param: str | None
    code: str
    journeyman: OpenAIErrorFacts


class OpenAIError(msgspec.Struct, frozen=True):
    """The answer to a request that failed."""

    error: OpenAIErrorBody


def shaped_error(problem: ProblemDetails, repeatable: bool) -> ShapedError:
    """Return an error in OpenAI's form.

    Their clients repeat a failed request on their own. One that has started a run would start a second one, so they are
    told not to, unless the request is `repeatable`.
    """
    status, _ = _status_and_type(problem.status)
    has_run = problem.run_id is not msgspec.UNSET
    headers = [(b"content-type", b"application/json")]
    if has_run and not repeatable:
        headers.append((b"x-should-retry", b"false"))
    return ShapedError(status, error_of(problem), headers)


def error_of(problem: ProblemDetails) -> OpenAIError:
    """Return the body of an error."""
    _, kind = _status_and_type(problem.status)
    facts = OpenAIErrorFacts(problem.error_id, _or_none(problem.run_id), _or_none(problem.thread_id))
    body = OpenAIErrorBody(
        message=problem.error,
        type=kind,
        param=_param(problem),
        code=_OF_CODE.get(problem.code, problem.code),
        journeyman=facts,
    )
    return OpenAIError(body)


def _status_and_type(status: int) -> tuple[int, str]:
    return _OF_STATUS.get(status) or (status, "server_error" if status >= 500 else "invalid_request_error")


def _param(problem: ProblemDetails) -> str | None:
    fields = problem.errors or []
    path = fields[0].path.removeprefix("body").removeprefix(".") if fields else ""
    return path or None


def _or_none(value: Any) -> str | None:
    return value or None


def rate_limit_headers(limit: int, remaining: int, reset: float) -> Headers:
    """Return the headers that say how many requests are left, as OpenAI names them."""
    return [
        (b"x-ratelimit-limit-requests", str(limit).encode()),
        (b"x-ratelimit-remaining-requests", str(remaining).encode()),
        (b"x-ratelimit-reset-requests", f"{math.ceil(reset)}s".encode()),
    ]


OPENAI = ProtocolForm(shaped_error, rate_limit_headers)


def form_of(path: str) -> ProtocolForm | None:
    """Return the form of the protocol that this path belongs to. None: it is this API's own."""
    return OPENAI if path.startswith(PREFIX) else None
