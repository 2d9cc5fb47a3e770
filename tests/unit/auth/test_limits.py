from __future__ import annotations

import pytest

from journeyman.auth.limits import KeyLimits
from journeyman.errors import (
    ValidationError,
)
from journeyman.events.quota import Quota
from tests.harness.key_service import KeyService


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (KeyLimits("often"), "written like 10/second"),
        (KeyLimits("0/60s"), "written like 10/second"),
        (KeyLimits("100/0s"), "written like 10/second"),
        (KeyLimits(quota=Quota(concurrent_runs=0)), "at least 1 run"),
        (KeyLimits(quota=Quota(concurrent_runs=10_001)), "at most 10000"),
        (KeyLimits(quota=Quota(tokens_per_day=-1)), "tokens of a day are 0 to"),
        (KeyLimits(quota=Quota(tokens_per_day=10**16)), "tokens of a day are 0 to"),
        (KeyLimits(quota=Quota(usd_per_day=-0.01)), "dollars of a day are 0 to"),
        (KeyLimits(quota=Quota(usd_per_day=float("nan"))), "dollars of a day are 0 to"),
        (KeyLimits(quota=Quota(usd_per_day=float("inf"))), "dollars of a day are 0 to"),
    ],
)
async def test_limits_that_cannot_be_held_are_refused_with_a_sentence(
    service: KeyService, limits: KeyLimits, told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        await service.keys.create("shop", ["read"], limits=limits)
    assert await service.journal.api_keys() == []
