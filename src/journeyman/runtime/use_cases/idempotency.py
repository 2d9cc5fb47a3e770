"""Idempotency keys of changes: stored with the change, valid for a day."""

from __future__ import annotations

from journeyman.errors import ValidationError
from journeyman.ids import is_idempotency_key
from journeyman.journal.journal import IdempotencyClaim
from journeyman.runtime.use_cases.requests import IdempotencyKey

KEY_LIFETIME_US = 24 * 3600 * 1_000_000


def idempotency_claim(principal: str, key: IdempotencyKey | None, at: int, made: str = "") -> IdempotencyClaim | None:
    """Return the claim to commit with a change at `at`, or None without a key.

    `made` is the id of what the change makes; if empty, the claim stores the place of the change's first event.
    Raises ValidationError if the key is malformed.
    """
    if key is None:
        return None
    if not is_idempotency_key(key.key):
        raise ValidationError(
            "An Idempotency-Key has 1 to 255 printable ASCII characters and neither begins nor ends with a space."
        )
    return IdempotencyClaim(
        principal=principal,
        route=key.route,
        key=key.key,
        body_hash=key.body_hash,
        expires=at + KEY_LIFETIME_US,
        made=made,
    )
