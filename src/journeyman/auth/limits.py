"""What stands on an API key: how often it may ask, and what its runs may use."""

from __future__ import annotations

import math

import msgspec

from journeyman.errors import ValidationError
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.resilience.rate_limit import Rate, parse_rate

MOST_TOKENS = 10**15  # a day's
MOST_USD = 1e9
MOST_RUNS = 10_000


class KeyLimits(msgspec.Struct, frozen=True, omit_defaults=True):
    """As they are written: `rate` like `100/60s`. None: no limit of the key's own."""

    rate: str | None = None
    quota: Quota = UNLIMITED


NO_LIMITS = KeyLimits()


def checked_limits(limits: KeyLimits) -> KeyLimits:
    """The same limits. Raises ValidationError with a sentence for one that cannot be held."""
    rate_of(limits.rate)
    quota = limits.quota
    if quota.concurrent_runs is not None and not 1 <= quota.concurrent_runs <= MOST_RUNS:
        raise ValidationError(f"A key has at least 1 run at a time and at most {MOST_RUNS}.")
    if quota.tokens_per_day is not None and not 0 <= quota.tokens_per_day <= MOST_TOKENS:
        raise ValidationError(f"The tokens of a day are 0 to {MOST_TOKENS}.")
    if quota.usd_per_day is not None and not (math.isfinite(quota.usd_per_day) and 0 <= quota.usd_per_day <= MOST_USD):
        raise ValidationError(f"The dollars of a day are 0 to {MOST_USD:.0f}.")
    return limits


def rate_of(text: str | None) -> Rate | None:
    """Raises ValidationError."""
    if text is None:
        return None
    try:
        return parse_rate(text)
    except ValueError as exc:
        raise ValidationError(f"{text[:40]!r} cannot be used: {exc}.") from exc
