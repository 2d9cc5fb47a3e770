"""What an error of a service says: is the service unwell, and may the request be made again. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from journeyman.errors import ServiceError
from journeyman.resilience.guard import ErrorClass

REFUSED = "service_refused"  # answered with a status that asks for another try
_FAILING = frozenset(("service_unreachable", "service_timeout", "service_cut", "service_bad_reply"))


class RefusedError(ServiceError):
    """408, 429 or 5xx: the guard's business first, then a reply like any other."""

    default_code = REFUSED


def invites_retry(status: int) -> bool:
    return status in (408, 429) or status >= 500


def classify_idempotent(error: ServiceError) -> ErrorClass:
    """Of a request whose repetition does no harm."""
    failing = error.code in _FAILING or (error.code == REFUSED and (error.status or 0) >= 500)
    return ErrorClass(failing=failing, repeatable=failing or error.code == REFUSED)


def classify_non_idempotent(error: ServiceError) -> ErrorClass:
    """Only what was never sent, or was sent away unread, may be sent again."""
    unsent = error.code == "service_unreachable" or (error.code == REFUSED and error.status == 429)
    return ErrorClass(failing=classify_idempotent(error).failing, repeatable=unsent)


_LONGEST = 60.0  # seconds


def retry_after(headers: Mapping[str, str], now: int) -> float | None:
    """Seconds to wait by `Retry-After` (seconds or an HTTP date), at most 60; None where it says nothing usable.

    `now` is microseconds since the epoch.
    """
    value = headers.get("retry-after")
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now / 1_000_000
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST) if math.isfinite(seconds) else None
