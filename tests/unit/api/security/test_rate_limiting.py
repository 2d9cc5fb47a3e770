"""Requirement: a rate limit in memory costs a request at most 60 µs of CPU, headers included."""

from __future__ import annotations

import asyncio
import time

import pytest

from journeyman.api.security.rate_limiting import RateLimiter
from journeyman.api.security.request_context import RequestContext
from journeyman.auth.principal import Caller
from journeyman.clock import SystemClock
from journeyman.errors import ResourceError
from journeyman.resilience.rate_limit import MAX_COUNT, Rate
from journeyman.resilience.window import Limit, MemoryWindows
from tests.harness.cpu_time import within

MOST_SECONDS = 60e-6
REQUESTS = 5000
ANN = Caller(principal="ann", scopes=frozenset(), line="k", rate=Rate(MAX_COUNT, 60))  # two windows: hers and the key's


async def _ask(limiter: RateLimiter, caller: Caller, times: int) -> int:
    """How many were let in."""
    admitted = 0
    for _ in range(times):
        context = RequestContext(caller, "req_1", {})
        try:
            await limiter.count_caller(caller, context)
            admitted += 1
        except ResourceError:
            pass
        assert context.rate_limit_headers
    return admitted


def _measured(rate: Rate) -> int:
    begun = time.thread_time()
    limiter = RateLimiter(MemoryWindows(SystemClock()), rate)
    admitted = asyncio.run(_ask(limiter, ANN, REQUESTS))
    print(f"{(time.thread_time() - begun) / REQUESTS * 1e6:.1f} µs a request, {admitted} of {REQUESTS} let in")
    return admitted


@pytest.mark.alone
def test_a_request_that_is_let_in() -> None:
    assert within(MOST_SECONDS * REQUESTS, lambda: _measured(Rate(REQUESTS, 3600))) == REQUESTS


@pytest.mark.alone
def test_a_request_that_is_refused() -> None:
    assert within(MOST_SECONDS * REQUESTS, lambda: _measured(Rate(1, 3600))) == 1


@pytest.mark.alone
def test_windows_that_slide_all_the_time() -> None:
    """Every request finds places to give back: each is given back once, so it costs no more."""
    rate = Rate(100, 0.001)
    assert within(MOST_SECONDS * REQUESTS, lambda: _measured(rate)) > 100


@pytest.mark.alone
def test_three_limits_at_once_and_ten_thousand_callers() -> None:
    windows = MemoryWindows(SystemClock())

    async def ask() -> None:
        for number in range(REQUESTS):
            caller = number % 10_000
            limits = [Limit(f"{kind}:{caller}", Rate(100, 60)) for kind in ("principal", "key", "agent")]
            assert (await windows.admit(limits)).admitted

    within(MOST_SECONDS * REQUESTS, lambda: asyncio.run(ask()))
