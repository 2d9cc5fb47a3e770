"""The limits of an API key: its request rate, and the quota of its runs."""

from __future__ import annotations

import math
from collections.abc import Collection

import msgspec

from journeyman.errors import ValidationError
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.resilience.rate_limit import Rate, parse_rate

DELEGATE = "delegate"  # the scope
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


def check_delegate(scopes: Collection[str], limits: KeyLimits) -> None:
    """Check that a new key that may act for others has a rate and a quota: each name that it acts for is another
    principal with separate limits, so only the key's limits apply to all of them. Raises ValidationError."""
    if DELEGATE in scopes and not is_bounded(limits.rate, limits.quota):
        raise ValidationError(
            "A key with the scope `delegate` acts for any number of principals, so it needs a rate and a quota: "
            "`--rate` and one of `--concurrent`, `--tokens-per-day` and `--usd-per-day` of `journeyman keys create`, "
            "`rate` and `quota` of `POST /keys`."
        )


def is_bounded(rate: str | None, quota: Quota) -> bool:
    """Return whether there are both a rate and a quota."""
    return rate is not None and quota != UNLIMITED


def rate_of(text: str | None) -> Rate | None:
    """Parse a rate; None stays None. Raises ValidationError."""
    if text is None:
        return None
    try:
        return parse_rate(text)
    except ValueError as exc:
        raise ValidationError(f"{text[:40]!r} is not a valid rate: {exc}.") from exc
