"""What an error of a service says: is the service unwell, and may the request be made again."""

from __future__ import annotations

import pytest

from journeyman.egress.retry_rules import (
    RefusedError,
    classify_idempotent,
    classify_non_idempotent,
    invites_retry,
    retry_after,
)
from journeyman.errors import ServiceError

NOW = 1_700_000_000_000_000


def refused(status: int) -> ServiceError:
    return RefusedError("no", status=status)


@pytest.mark.parametrize(("status", "again"), [(200, False), (404, False), (408, True), (429, True), (500, True)])
def test_which_statuses_invite_another_try(status: int, again: bool) -> None:
    assert invites_retry(status) is again


@pytest.mark.parametrize(
    ("error", "failing", "harmless", "harmful"),
    [
        (refused(500), True, True, False),
        (refused(503), True, True, False),
        (refused(429), False, True, True),
        (refused(408), False, True, False),
        (ServiceError("x", code="service_unreachable"), True, True, True),
        (ServiceError("x", code="service_cut"), True, True, False),
        (ServiceError("x", code="service_timeout"), True, True, False),
        (ServiceError("x", code="service_reply_too_large"), False, False, False),
    ],
)
def test_only_what_no_service_has_acted_on_may_always_be_repeated(
    error: ServiceError, failing: bool, harmless: bool, harmful: bool
) -> None:
    idempotent, other = classify_idempotent(error), classify_non_idempotent(error)
    assert (idempotent.failing, other.failing) == (failing, failing)
    assert (idempotent.repeatable, other.repeatable) == (harmless, harmful)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("9999", 60.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_how_long_a_service_asks_to_wait(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


@pytest.mark.parametrize(
    ("milliseconds", "seconds"), [("250", 0.25), ("soon", 1.0), ("", 1.0), ("900000", 60.0), ("-1", 0.0)]
)
def test_retry_after_ms_counts_first(milliseconds: str, seconds: float) -> None:
    assert retry_after({"retry-after-ms": milliseconds, "retry-after": "1"}, NOW) == seconds
