from __future__ import annotations

import json

import pytest

from journeyman.events.events import Failure, ToolCallFinished
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.tool import tool


@tool(effects="none")
async def shout(text: str, times: int = 1) -> str:
    """Shout."""
    return text.upper() * times


def finished(tool: str = "shout", code: str = "", **facts) -> ToolCallFinished:
    error = Failure(code, "m") if code else None
    return ToolCallFinished(call="m1.0", call_id="c", tool=tool, error=error, **({"attempts": 1} | facts))


async def test_metrics_are_a_fold_of_finished_calls():
    registry = ToolRegistry()
    await registry.register_tool(shout)
    for milliseconds in range(1, 101):
        registry.record(finished(duration_ms=float(milliseconds)))
    registry.record(finished(code="tool_failed", attempts=3, duration_ms=50.0))
    registry.record(finished(code="invalid_arguments", attempts=0))
    registry.record(finished(cached=True, attempts=0))
    for name in ("ghost", "phantom"):
        registry.record(finished(tool=name, code="tool_not_found", attempts=0))
    figures = registry.get_metrics()
    shouted = figures["shout"]
    assert (shouted["requested"], shouted["calls"], shouted["errors"], shouted["retries"]) == (103, 101, 1, 2)
    assert (shouted["invalid"], shouted["cache_hits"], shouted["not_found"]) == (1, 1, 0)
    assert shouted["error_rate"] == pytest.approx(100 / 101)
    assert shouted["p50"] == pytest.approx(0.0505, abs=0.001)
    assert shouted["p95"] == pytest.approx(0.0955, abs=0.001)
    assert figures["(unknown)"]["not_found"] == 2
    assert set(figures) == {"shout", "(unknown)"}
    json.dumps(figures, allow_nan=False)
