from __future__ import annotations

import asyncio

import pytest

from journeyman.clock import ManualClock
from journeyman.telemetry.metrics.loop_lag import INTERVAL_SECONDS, LoopLag


async def test_the_lag_is_the_delay_of_the_timer() -> None:
    clock, seen = ManualClock(), list[float]()
    lag = LoopLag(clock, seen.append)
    lag.start()
    for late in (0.0, 0.2, 0.0):
        clock.advance(INTERVAL_SECONDS + late)
        await _turn()
    lag.stop()
    clock.advance(10)
    await _turn()
    assert seen == pytest.approx([0.0, 0.2, 0.0])


async def _turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)
