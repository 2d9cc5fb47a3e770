"""`Retry-After`: what a service advises those that it sends away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

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
