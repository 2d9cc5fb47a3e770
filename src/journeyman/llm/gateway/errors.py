"""Converts a gateway's failures to ServiceErrors with these stable codes:

`gateway_auth` · `gateway_rejected` · `gateway_rate_limited` · `gateway_error` · `gateway_timeout` ·
`gateway_unreachable` · `gateway_cut_stream` · `gateway_bad_reply` · `gateway_circuit_open` · `gateway_overloaded` ·
`gateway_throttled`
"""

from __future__ import annotations

from typing import Any

import msgspec

from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError
from journeyman.events.messages import JSON, valid_text
from journeyman.llm.gateway import json_text

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
_QUOTED_CHARACTERS = 300  # of the gateway's message
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
_decoder = msgspec.json.Decoder(Any)


def gateway_error(status: int, gateway_message: str, retry_after: float | None = None) -> ServiceError:
    """Return the error for an HTTP status that is no success.

    `gateway_message` becomes the error's detail and is not part of its message, since gateways quote keys, addresses
    and stack traces.
    """
    kind, code, sentence = _describe_status(status)
    detail = shortened(gateway_message)
    message = f"{sentence}; the log has its words" if detail else sentence
    return kind(message, code=code, status=status, retry_after=retry_after, detail=detail or None)


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
    return ServiceError, "gateway_rejected", f"the gateway rejected the request ({status}){hint}"


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
    """Return the error for an `error` object in the place of a reply. Without a known status it counts as 500."""
    code = error.get("code") if isinstance(error, dict) else None
    status = int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else json_text.count(code)
    return gateway_error(status if 400 <= status <= 599 else 500, _message(error))


def body_message(body: bytes) -> str:
    """Return the message in an error body: `error.message`, `message` or `detail`, or the body's beginning."""
    try:
        fields = json_text.read_json_text(body, _decoder)
    except ValueError:
        return body[: 4 * _QUOTED_CHARACTERS].decode("utf-8", "replace")
    return _message(fields.get("error") or fields) if isinstance(fields, dict) else str(fields)


def _message(error: JSON) -> str:
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or error.get("type") or ""
    return error if isinstance(error, str) else str(error)


def shortened(text: str) -> str:
    """Return the beginning of a text on one line, at most 300 characters."""
    text = " ".join(valid_text(text[: 4 * _QUOTED_CHARACTERS]).split())
    return text if len(text) <= _QUOTED_CHARACTERS else text[: _QUOTED_CHARACTERS - 1] + "…"
