"""Idempotency-Keys of changes: kept with the change itself, for a day."""

from __future__ import annotations

import re

from journeyman.errors import ValidationError
from journeyman.journal.journal import IdempotencyClaim
from journeyman.runtime.use_cases.requests import IdempotencyKey

KEY_LIFETIME_US = 24 * 3600 * 1_000_000
_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")


def idempotency_claim(principal: str, key: IdempotencyKey | None, at: int, made: str = "") -> IdempotencyClaim | None:
    """The claim to commit with the change at `at`; `made`: what it makes, if not its first event says so."""
    if key is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key.key):
        raise ValidationError("An Idempotency-Key is 1 to 255 printable ASCII characters.")
    return IdempotencyClaim(
        principal=principal,
        route=key.route,
        key=key.key,
        body_hash=key.body_hash,
        expires=at + KEY_LIFETIME_US,
        made=made,
    )
