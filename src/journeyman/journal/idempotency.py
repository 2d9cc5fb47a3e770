"""Idempotency-Keys: when a claim only repeats an earlier one."""

from __future__ import annotations

from journeyman.errors import IdempotencyError
from journeyman.journal.journal import IdempotencyClaim


def replayed_run(first: IdempotencyClaim | None, claim: IdempotencyClaim, at: int) -> str | None:
    """What the stored claim made, if `claim` at `at` (µs since the epoch) repeats it; None: it is free.

    Raises IdempotencyError where it came with another body.
    """
    if first is None or first.expires <= at:
        return None
    if first.body_hash != claim.body_hash:
        raise IdempotencyError("This Idempotency-Key was used with another body: use a new key for a new request.")
    return first.made
