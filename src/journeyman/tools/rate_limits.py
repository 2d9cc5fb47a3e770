"""The rate limits of tools: each tool has one for all runs."""

from __future__ import annotations

from journeyman.clock import Clock
from journeyman.errors import ToolExecutionError
from journeyman.resilience.rate_limit import RateLimit, parse_rate
from journeyman.tools.spec import ToolSpec

_LONGEST_WAIT = 10.0  # seconds
_MOST = 1000  # limits in memory; the oldest is dropped


class ToolRateLimits:
    """Delays each try until its tool's rate limit allows it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limits: dict[tuple[str, str], RateLimit] = {}

    async def wait(self, spec: ToolSpec) -> None:
        """Wait until the try may start. Raises ToolExecutionError (`tool_rate_limited`) if that takes too long."""
        if spec.policy.rate_limit is None:
            return
        limit = self._limits.get((spec.name, spec.policy.rate_limit)) or self._add(spec.name, spec.policy.rate_limit)
        now = self._clock.monotonic()
        delay = limit.delay(now)
        if delay > _LONGEST_WAIT:
            text = f"{spec.name} may be called {spec.policy.rate_limit}: try again in {delay:.0f} seconds"
            raise ToolExecutionError(text, code="tool_rate_limited")
        limit.take(now)
        if delay > 0:
            await self._clock.sleep(delay)

    def _add(self, name: str, rate: str) -> RateLimit:
        if len(self._limits) >= _MOST:
            del self._limits[next(iter(self._limits))]
        limit = self._limits[name, rate] = RateLimit(parse_rate(rate))
        return limit
