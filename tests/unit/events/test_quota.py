"""Quotas: which of them bound a day."""

from __future__ import annotations

import msgspec
import pytest

from journeyman.events.quota import UNLIMITED, Quota


@pytest.mark.parametrize(
    ("quota", "daily"),
    [
        (UNLIMITED, False),
        (Quota(concurrent_runs=1), False),
        (Quota(tokens_per_day=0), True),
        (Quota(usd_per_day=1.0), True),
    ],
)
def test_tokens_and_dollars_are_counted_by_the_day(quota: Quota, daily: bool) -> None:
    assert quota.is_daily is daily


def test_no_limit_is_not_stored() -> None:
    assert msgspec.json.encode(UNLIMITED) == b"{}"
