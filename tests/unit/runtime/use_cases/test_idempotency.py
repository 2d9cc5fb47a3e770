"""Idempotency keys: one grammar for new ones, and stored ones of any form are still found."""

from __future__ import annotations

import re

import pytest

from journeyman.api.openapi import IDEMPOTENCY_KEY
from journeyman.errors import ValidationError
from journeyman.events.codec import Codec
from journeyman.events.events import ThreadCreated
from journeyman.ids import is_idempotency_key
from journeyman.journal.idempotency import replayed_result
from journeyman.journal.journal import Append, Batch, IdempotencyClaim
from journeyman.journal.memory import MemoryJournal
from journeyman.runtime.use_cases.idempotency import KEY_LIFETIME_US, idempotency_claim
from journeyman.runtime.use_cases.requests import IdempotencyKey

VALID = ["a", "k-1", "order 7", "!", "~" * 255]
INVALID = ["", " ", " a", "a ", "a\n", "a\tb", "ä", "x" * 256]


@pytest.mark.parametrize("key", VALID)
def test_a_valid_key_becomes_a_claim(key: str) -> None:
    claim = idempotency_claim("ann", IdempotencyKey("/process", key, "hash"), 5)
    assert claim is not None
    assert (claim.principal, claim.key, claim.body_hash) == ("ann", key, "hash")


@pytest.mark.parametrize("key", INVALID)
def test_an_invalid_key_is_rejected(key: str) -> None:
    with pytest.raises(ValidationError):
        idempotency_claim("ann", IdempotencyKey("/process", key, "hash"), 5)


@pytest.mark.parametrize("key", [*VALID, *INVALID])
def test_the_documented_pattern_is_the_one_that_is_checked(key: str) -> None:
    pattern = IDEMPOTENCY_KEY["schema"]["pattern"]
    assert is_idempotency_key(key) == bool(re.fullmatch(pattern, key))


async def test_a_stored_key_of_a_form_that_is_rejected_today_is_read() -> None:
    journal = MemoryJournal()
    stored = IdempotencyClaim(principal="ann", route="/process", key=" old ", body_hash="h", expires=9, made="run_1")
    created = ThreadCreated(thread_id="t", principal="ann")
    append = Append(stream="thread:ann/t", drafts=(Codec().draft(created),))
    await journal.commit(Batch(at=1, appends=(append,), claim=stored))
    found = await journal.claim("ann", "/process", " old ")
    assert found is not None
    assert replayed_result(found, stored, 2) == "run_1"


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
