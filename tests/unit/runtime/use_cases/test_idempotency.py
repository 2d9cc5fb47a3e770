"""Idempotency keys of changes."""

from __future__ import annotations

import pytest

from journeyman.errors import ValidationError
from journeyman.runtime.use_cases.idempotency import KEY_LIFETIME_US, idempotency_claim
from journeyman.runtime.use_cases.requests import IdempotencyKey


def test_a_claim_lives_for_a_day() -> None:
    claim = idempotency_claim("ann", IdempotencyKey("/threads", "k", "h"), at=5, made="t")
    assert claim is not None
    assert (claim.principal, claim.route, claim.key, claim.body_hash) == ("ann", "/threads", "k", "h")
    assert (claim.expires, claim.made) == (5 + KEY_LIFETIME_US, "t")


def test_without_a_key_there_is_no_claim() -> None:
    assert idempotency_claim("ann", None, at=5) is None


@pytest.mark.parametrize("key", ["", "ä", "a\nb", "x" * 256])
def test_keys_that_are_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        idempotency_claim("ann", IdempotencyKey("/threads", key, "h"), at=5)
