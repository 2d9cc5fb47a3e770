"""Decides whether an idempotency record repeats an earlier request."""

from __future__ import annotations

from journeyman.errors import IdempotencyError
from journeyman.journal.journal import IdempotencyClaim


def replayed_result(stored: IdempotencyClaim | None, claim: IdempotencyClaim, at: int) -> str | None:
    """Return what the stored record's batch made, if `claim` repeats it at `at` (µs since the epoch).

    Returns None if the key is free: it was never used, or its record has expired.
    Raises IdempotencyError if the key was used with another body.
    """
    if stored is None or stored.expires <= at:
        return None
    if stored.body_hash != claim.body_hash:
        raise IdempotencyError(
            "This Idempotency-Key was already used with another body. Use a new key for a new request."
        )
    return stored.made
