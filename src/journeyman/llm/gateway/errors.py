"""Converts a gateway's failures to ServiceErrors with these stable codes:

`gateway_auth` · `gateway_no_credit` · `gateway_rejected` · `gateway_bad_parameter` · `gateway_context_length` ·
`gateway_filtered` · `gateway_rate_limited` · `gateway_error` · `gateway_timeout` · `gateway_unreachable` ·
`gateway_cut_stream` · `gateway_bad_reply` · `gateway_circuit_open` · `gateway_overloaded` · `gateway_throttled`
"""

from __future__ import annotations

from collections.abc import Iterable

from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError
from journeyman.events.messages import JSON, valid_text
from journeyman.llm.gateway.complaint import Complaint, complaint_in
from journeyman.llm.gateway.failure_cause import Cause, cause_of

TRANSIENT = frozenset(
    (
        "gateway_rate_limited",
        "gateway_error",
        "gateway_timeout",
        "gateway_unreachable",
        "gateway_cut_stream",
        "gateway_bad_reply",
    )
)
_FROM_TRANSPORT = {
    "service_cut": "gateway_cut_stream",
    "service_bad_reply": "gateway_bad_reply",
    "service_reply_too_large": "gateway_bad_reply",
}
_FROM_GUARD = {
    "service_circuit_open": "gateway_circuit_open",
    "service_overloaded": "gateway_overloaded",
    "service_throttled": "gateway_throttled",
}
_STATUS_OF_KIND = (  # parts of squashed codes and types, for errors that name no status
    ("ratelimit", 429),
    ("toomanyrequests", 429),
    ("resourceexhausted", 429),
    ("throttl", 429),
    ("overloaded", 503),
    ("unavailable", 503),
    ("timeout", 504),
    ("deadlineexceeded", 504),
    ("authentication", 401),
    ("invalidapikey", 401),
    ("unauthorized", 401),
    ("permission", 403),
    ("notfound", 404),
    ("badrequest", 400),
    ("invalidrequest", 400),
    ("invalidargument", 400),
    ("unsupported", 400),
    ("invalidimage", 400),  # OpenAI, in a failed response, as the next three
    ("invalidbase64", 400),
    ("imagetoo", 400),
    ("imagefile", 400),
)
_SENTENCES: dict[Cause, tuple[str, str]] = {
    "context_length": (
        "gateway_context_length",
        "the request is longer than the model's context window; shorten the input, or lower `history.max_tokens`",
    ),
    "filtered": ("gateway_filtered", "the gateway's content filter refused the request; change the input"),
    "no_credit": (
        "gateway_no_credit",
        "the account at the gateway has no credit left; add credit, or raise its budget",
    ),
    "unusable_reply": ("gateway_bad_reply", "the gateway could not use its model's reply; try again"),
}


class RequestRefusedError(ServiceError):
    """Raised when the gateway refused a request for what is in it (400, 422), or for what it does not have (404).

    `complaint` says what that is.
    """

    complaint: Complaint = Complaint()


def gateway_error(status: int, complaint: Complaint | str, retry_after: float | None = None) -> ServiceError:
    """Return the error for an HTTP status that is no success.

    The gateway's own words become the error's detail and are not part of its message, since gateways quote keys,
    addresses and stack traces.
    """
    complaint = complaint if isinstance(complaint, Complaint) else complaint_in(complaint)
    cause = cause_of(status, complaint)
    if cause == "other":
        kind, code, sentence = _describe_status(status)
    else:
        kind, (code, sentence) = ServiceError, _SENTENCES[cause]
    detail = complaint.message
    message = f"{sentence}; the log has its words" if detail else sentence
    error = kind(message, code=code, status=status, retry_after=retry_after, detail=detail or None)
    if isinstance(error, RequestRefusedError):
        error.complaint = complaint
    return error


def bad_parameter(error: RequestRefusedError, name: str) -> ServiceError:
    """Return the error that names the parameter or field of the request that the gateway refused."""
    sentence = f"the gateway refused `{name}` in the request ({error.status}); change or remove it in `model`"
    message = f"{sentence}; the log has its words" if error.detail else sentence
    return ServiceError(message, code="gateway_bad_parameter", status=error.status, detail=error.detail)


def without_responses_api(error: RequestRefusedError) -> ServiceError:
    """Return the error for a 404 of the Responses API, which the gateway or its model may not have."""
    sentence = (
        f"the gateway rejected the request to its Responses API ({error.status}); check the model's name, "
        "LITELLM_GATEWAY_URL and `api` in `model`"
    )
    message = f"{sentence}; the log has its words" if error.detail else sentence
    return ServiceError(message, code=error.code, status=error.status, detail=error.detail)


def _describe_status(status: int) -> tuple[type[ServiceError], str, str]:
    if status in (401, 403):
        sentence = f"the gateway refused the key ({status}); set LITELLM_GATEWAY_API_KEY to a valid one"
        return ServiceError, "gateway_auth", sentence
    if status == 429:
        return ServiceUnavailableError, "gateway_rate_limited", "the gateway's rate limit is reached"
    if status in (408, 504):
        return ServiceTimeoutError, "gateway_timeout", f"the gateway waited too long for its model ({status})"
    if status >= 500:
        kind = ServiceUnavailableError if status in (503, 529) else ServiceError
        return kind, "gateway_error", f"the gateway failed ({status})"
    if 300 <= status < 400:
        reason = "it redirects, and the key is not sent elsewhere; set LITELLM_GATEWAY_URL to the final address"
        return ServiceError, "gateway_rejected", f"the gateway was not asked ({status}): {reason}"
    hint = "; check the model's name and LITELLM_GATEWAY_URL" if status == 404 else ""
    return (
        RequestRefusedError if status in (400, 404, 422) else ServiceError,
        "gateway_rejected",
        f"the gateway rejected the request ({status}){hint}",
    )


def from_transport(error: ServiceError) -> ServiceError:
    """Return the gateway error for an error of the transport."""
    if isinstance(error, ServiceTimeoutError):
        return ServiceTimeoutError(f"the gateway gave no reply: {error.message}", code="gateway_timeout")
    if isinstance(error, ServiceUnavailableError):
        message = f"the gateway cannot be used: {error.message} (LITELLM_GATEWAY_URL)"
        return ServiceUnavailableError(message, code="gateway_unreachable")
    return ServiceError(f"the gateway gave no reply: {error.message}", code=_FROM_TRANSPORT.get(error.code, error.code))


def from_guard(error: ServiceError) -> ServiceError | None:
    """Return the gateway error for a refusal by the guard. None: the error is no refusal by the guard."""
    code = _FROM_GUARD.get(error.code)
    return None if code is None else ServiceUnavailableError(error.message, code=code, retry_after=error.retry_after)


def bad_gateway_reply(why: str) -> ServiceError:
    """Return the error for a reply that is not a valid chat completion."""
    message = f"the gateway's reply cannot be used: {valid_text(why)}; check that LITELLM_GATEWAY_URL is an OpenAI API"
    return ServiceError(message, code="gateway_bad_reply")


def cut_stream(why: str = "the stream ended before the reply did") -> ServiceError:
    """Return the error for a stream that ended before the reply was complete."""
    return ServiceError(f"the gateway's reply was cut: {why}; try again", code="gateway_cut_stream")


def reported_error(error: JSON) -> ServiceError:
    """Return the error for one that a reply reports in the place of an answer. Without a known status it is a 500."""
    complaint = complaint_in(error)
    status = complaint.number if 400 <= complaint.number <= 599 else _status_of(complaint.kinds)
    return gateway_error(status, complaint)


def is_error(said: JSON) -> bool:
    """Return whether a JSON value without choices says that it is an error."""
    kinds = (said.get("object"), said.get("type")) if isinstance(said, dict) else ()
    return any(isinstance(kind, str) and kind.lower().endswith("error") for kind in kinds)


def _status_of(kinds: Iterable[str]) -> int:
    kinds = tuple(kinds)
    return next((status for part, status in _STATUS_OF_KIND if any(part in kind for kind in kinds)), 500)
