"""The windows of several processes in one Redis, and what is done while it is away."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from journeyman.clock import Clock
from journeyman.errors import ConfigurationError
from journeyman.ids import Ids
from journeyman.resilience.window import Limit, MemoryWindows, WindowResult

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.25  # for one answer: a request waits for it
CONNECTIONS = 16
AWAY_SECONDS = 1.0  # how long an absent Redis is not asked again

# One script, so one step for everybody. Times are Redis's own. KEYS: the windows. ARGV: a member that nobody else
# adds, then count and length (µs) of each. Answers, for each: how many places are taken, and the oldest one's age (µs).
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local room = 1
for place, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - ARGV[2 * place + 1])
    if redis.call('ZCARD', key) >= tonumber(ARGV[2 * place]) then room = 0 end
end
local answer = {room}
for place, key in ipairs(KEYS) do
    if room == 1 then
        redis.call('ZADD', key, now, ARGV[1])
        redis.call('PEXPIRE', key, math.ceil(ARGV[2 * place + 1] / 1000) + 1000)
    end
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    table.insert(answer, redis.call('ZCARD', key))
    table.insert(answer, oldest[2] and now - oldest[2] or 0)
end
return answer
"""


class RedisWindows:
    """Windows shared by every process on one Redis; those of this process alone while it is away."""

    def __init__(self, url: str, clock: Clock, ids: Ids, prefix: str = "journeyman:window:") -> None:
        # 0.15 s and 5 MB: an optional driver, loaded only where REDIS_URL is set
        if find_spec("redis") is None:
            raise ConfigurationError("REDIS_URL needs the Redis client: pip install 'journeyman[redis]'")
        from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.exceptions import RedisError  # noqa: PLC0415

        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=PATIENCE_SECONDS,
            socket_timeout=PATIENCE_SECONDS,
            socket_connect_timeout=PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Any = Redis.from_pool(pool)
        self._script: Any = self._redis.register_script(_SCRIPT)
        self._failures = (RedisError, OSError, TimeoutError)
        self._local = MemoryWindows(clock)
        self._clock = clock
        self._ids = ids
        self._prefix = prefix
        self._again = 0.0  # when Redis may be asked
        self.away = False  # the limits are those of this process alone

    async def admit(self, limits: Sequence[Limit]) -> WindowResult:
        if self.away and not self._may_ask():
            return self._local.decide(limits)
        try:
            answer = await self._ask(limits)
        except self._failures as exc:
            self._lost(exc)
            return self._local.decide(limits)
        if self.away:
            self.away = False
            log.info("Redis is back: limits are shared again")
        return _verdict(limits, answer)

    def _may_ask(self) -> bool:
        """One request a second looks whether Redis is back; the others do not wait for it."""
        now = self._clock.monotonic()
        if now < self._again:
            return False
        self._again = now + AWAY_SECONDS
        return True

    async def _ask(self, limits: Sequence[Limit]) -> list[int]:
        keys = [self._prefix + limit.key for limit in limits]
        arguments: list[str | int] = [self._ids.new("req")]
        for limit in limits:
            arguments += (limit.rate.count, int(limit.rate.seconds * 1_000_000))
        answer: list[int] = await self._script(keys=keys, args=arguments)
        return answer

    def _lost(self, exc: Exception) -> None:
        self._again = self._clock.monotonic() + AWAY_SECONDS
        if not self.away:
            self.away = True
            log.warning("Redis is away (%s): limits are those of this process until it is back", type(exc).__name__)

    async def aclose(self) -> None:
        await self._redis.aclose()


def _verdict(limits: Sequence[Limit], answer: list[int]) -> WindowResult:
    admitted = answer[0] == 1
    taken = zip(limits, answer[1::2], answer[2::2], strict=True)
    found = [
        WindowResult(admitted, limit, max(0, limit.rate.count - count), max(0.0, limit.rate.seconds - age / 1_000_000))
        for limit, count, age in taken
    ]
    return min(found, key=lambda verdict: (verdict.remaining, -verdict.reset))
