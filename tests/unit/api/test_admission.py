"""What counting a request costs."""

from __future__ import annotations

import asyncio

from harness.cpu import within
from journeyman.api.admission import Admission, rate_headers
from journeyman.auth.principal import Caller
from journeyman.clock import SystemClock
from journeyman.resilience.rate_limit import MOST, Rate
from journeyman.resilience.window import MemoryWindows

REQUESTS = 2000


def test_a_request_of_a_key_with_a_rate_costs_less_than_60_us_of_cpu() -> None:
    admission = Admission(MemoryWindows(SystemClock()), Rate(MOST, 3600))
    caller = Caller(principal="ann", scopes=frozenset(), line="k", rate=Rate(MOST, 60))

    async def ask() -> None:
        for _ in range(REQUESTS):
            scope: dict[str, object] = {}
            await admission.of(caller, scope)
            assert len(rate_headers(scope)) == 2

    within(REQUESTS * 60e-6, lambda: asyncio.run(ask()))
