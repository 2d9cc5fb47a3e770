"""When a claim repeats an earlier one."""

from __future__ import annotations

import pytest

from journeyman.errors import IdempotencyError
from journeyman.journal.idempotency import replayed_result
from journeyman.journal.journal import IdempotencyClaim


def claim(body_hash: str = "h", made: str = "") -> IdempotencyClaim:
    return IdempotencyClaim(principal="ann", route="/process", key="k", body_hash=body_hash, expires=100, made=made)


def test_the_same_request_gets_what_the_first_one_made() -> None:
    assert replayed_result(claim(made="run_1"), claim(), at=99) == "run_1"


def test_a_key_that_is_new_or_has_expired_is_free() -> None:
    assert replayed_result(None, claim(), at=0) is None
    assert replayed_result(claim(made="run_1"), claim(), at=100) is None


def test_another_body_under_the_key_is_refused() -> None:
    with pytest.raises(IdempotencyError):
        replayed_result(claim(made="run_1"), claim("other"), at=0)
