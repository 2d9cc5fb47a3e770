"""The limits of an API key: its request rate, and the quota of its runs."""

from __future__ import annotations

import math

import msgspec

from journeyman.errors import ValidationError
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.resilience.rate_limit import Rate, parse_rate

MOST_TOKENS = 10**15  # in a day
MOST_USD = 1e9
MOST_RUNS = 10_000


class KeyLimits(msgspec.Struct, frozen=True, omit_defaults=True):
    """The limits of a key. `rate` is text such as `100/60s`, or None if the key has no rate."""

    rate: str | None = None
    quota: Quota = UNLIMITED


NO_LIMITS = KeyLimits()


def checked_limits(limits: KeyLimits) -> KeyLimits:
    """Check limits and return them. Raises ValidationError for a limit out of range."""
    rate_of(limits.rate)
    quota = limits.quota
    if quota.concurrent_runs is not None and not 1 <= quota.concurrent_runs <= MOST_RUNS:
        raise ValidationError(f"`concurrent_runs` must be 1 to {MOST_RUNS}.")
    if quota.tokens_per_day is not None and not 0 <= quota.tokens_per_day <= MOST_TOKENS:
        raise ValidationError(f"`tokens_per_day` must be 0 to {MOST_TOKENS}.")
    if quota.usd_per_day is not None and not (math.isfinite(quota.usd_per_day) and 0 <= quota.usd_per_day <= MOST_USD):
        raise ValidationError(f"`usd_per_day` must be 0 to {MOST_USD:.0f}.")
    return limits


def rate_of(text: str | None) -> Rate | None:
    """Parse a rate; None stays None. Raises ValidationError."""
    if text is None:
        return None
    try:
        return parse_rate(text)
    except ValueError as exc:
        raise ValidationError(f"{text[:40]!r} is not a valid rate: {exc}.") from exc
