"""Classifies a service's errors: whether they count against the service, and whether the request may be repeated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from journeyman.errors import ServiceError
from journeyman.resilience.guard import ErrorClass

REFUSED = "service_refused"  # answered with a status that invites a retry
_MAX_RETRY_AFTER = 60.0  # seconds
_FAILING = frozenset(("service_unreachable", "service_timeout", "service_cut", "service_bad_reply"))


class RefusedError(ServiceError):
    """Raised inside a guard for the statuses 408, 429 and 5xx, so that the guard can retry.

    After the last attempt the caller turns it back into a reply.
    """

    default_code = REFUSED


def invites_retry(status: int) -> bool:
    """Return whether an HTTP status says that the same request may succeed later."""
    return status in (408, 429) or status >= 500


def classify_idempotent(error: ServiceError) -> ErrorClass:
    """Classify an error of a request that may be repeated without harm."""
    failing = error.code in _FAILING or (error.code == REFUSED and (error.status or 0) >= 500)
    return ErrorClass(failing=failing, repeatable=failing or error.code == REFUSED)


def classify_non_idempotent(error: ServiceError) -> ErrorClass:
    """Classify an error of a request that may be repeated only if the service has not processed it."""
    unsent = error.code == "service_unreachable" or (error.code == REFUSED and error.status == 429)
    return ErrorClass(failing=classify_idempotent(error).failing, repeatable=unsent)


def retry_after(headers: Mapping[str, str], now: int) -> float | None:
    """Return the seconds to wait by `Retry-After-Ms`, else by `Retry-After` (seconds or an HTTP date), at most 60.

    Returns None if neither says something usable. `now` is microseconds since the epoch.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    seconds = _retry_after(headers.get("retry-after", ""), now) if milliseconds is None else milliseconds / 1000
    return None if seconds is None else min(max(seconds, 0.0), _MAX_RETRY_AFTER)


def _retry_after(value: str, now: int) -> float | None:
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        return parsedate_to_datetime(value).timestamp() - now / 1_000_000
    except (ValueError, OverflowError):
        return None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
