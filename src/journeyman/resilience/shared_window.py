"""Sliding windows that several processes share in Redis, with a local fallback while Redis is unreachable."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from journeyman.clock import Clock
from journeyman.errors import ConfigurationError
from journeyman.ids import Ids
from journeyman.resilience.window import Limit, MemoryWindows, WindowResult, slot_seconds

log = logging.getLogger(__name__)

REPLY_SECONDS = 0.25  # a request waits for this reply
CONNECTIONS = 16
AWAY_SECONDS = 1.0  # pause between two attempts to reach Redis

# One script, so that the step is atomic for all processes. Times are those of Redis. KEYS: the windows. ARGV: a unique
# member, then the count, the length (µs) and the length of a slot (µs, or 0) of each window. A window without slots is
# a sorted set of times, one with slots a hash of counts. Returns whether all windows had room, then for each window the
# number of calls in it and the age (µs) of the oldest one.
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local room = 1
local counts, oldest = {}, {}
for index, key in ipairs(KEYS) do
    local length, slot = tonumber(ARGV[3 * index]), tonumber(ARGV[3 * index + 1])
    counts[index], oldest[index] = 0, now
    if slot == 0 then
        redis.call('ZREMRANGEBYSCORE', key, '-inf', now - length)
        counts[index] = redis.call('ZCARD', key)
        local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
        oldest[index] = tonumber(first[2] or now)
    else
        local slots = redis.call('HGETALL', key)
        for place = 1, #slots, 2 do
            local began = slots[place] * slot
            if began + slot <= now - length then
                redis.call('HDEL', key, slots[place])
            else
                counts[index] = counts[index] + slots[place + 1]
                oldest[index] = math.min(oldest[index], began + slot)
            end
        end
    end
    if counts[index] >= tonumber(ARGV[3 * index - 1]) then room = 0 end
end
local answer = {room}
for index, key in ipairs(KEYS) do
    local length, slot = tonumber(ARGV[3 * index]), tonumber(ARGV[3 * index + 1])
    if room == 1 then
        counts[index] = counts[index] + 1
        if slot == 0 then
            redis.call('ZADD', key, now, ARGV[1])
        else
            redis.call('HINCRBY', key, string.format('%.0f', math.floor(now / slot)), 1)
        end
        redis.call('PEXPIRE', key, math.ceil((length + slot) / 1000) + 1000)
    end
    table.insert(answer, counts[index])
    table.insert(answer, now - oldest[index])
end
return answer
"""


class RedisWindows:
    """Sliding windows that all processes on one Redis share; while it is unreachable, those of this process alone."""

    def __init__(self, url: str, clock: Clock, ids: Ids, prefix: str = "journeyman:window:") -> None:
        """Create a client, which connects at the first request.

        Raises:
            ConfigurationError: The Redis client library is not installed.
        """
        # imported here: an optional driver that costs 0.15 s and 5 MB
        if find_spec("redis") is None:
            raise ConfigurationError("REDIS_URL needs the Redis client. Run `pip install 'journeyman[redis]'`.")
        from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.exceptions import RedisError  # noqa: PLC0415

        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=REPLY_SECONDS,
            socket_timeout=REPLY_SECONDS,
            socket_connect_timeout=REPLY_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Any = Redis.from_pool(pool)
        self._script: Any = self._redis.register_script(_SCRIPT)
        self._failures = (RedisError, OSError, TimeoutError)
        self._local = MemoryWindows(clock)
        self._clock = clock
        self._ids = ids
        self._prefix = prefix
        self._retry_at = 0.0
        self.away = False  # Redis is unreachable, and the limits count only this process

    async def admit(self, limits: Sequence[Limit]) -> WindowResult:
        if self.away and not self._may_retry():
            return self._local.admit_now(limits)
        try:
            answer = await self._run_script(limits)
        except self._failures as exc:
            self._fall_back(exc)
            return self._local.admit_now(limits)
        if self.away:
            self.away = False
            log.info("Redis is back: limits are shared again")
        return _result(limits, answer)

    def _may_retry(self) -> bool:
        """Return whether this request should try Redis again: one request a second does, and the others do not wait."""
        now = self._clock.monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + AWAY_SECONDS
        return True

    async def _run_script(self, limits: Sequence[Limit]) -> list[int]:
        slots = [int(slot_seconds(limit.rate) * 1_000_000) for limit in limits]
        keys = [
            f"{self._prefix}{limit.key}{':slots' if slot else ''}" for limit, slot in zip(limits, slots, strict=True)
        ]
        arguments: list[str | int] = [self._ids.new("req")]
        for limit, slot in zip(limits, slots, strict=True):
            arguments += (limit.rate.count, int(limit.rate.seconds * 1_000_000), slot)
        answer: list[int] = await self._script(keys=keys, args=arguments)
        return answer

    def _fall_back(self, exc: Exception) -> None:
        self._retry_at = self._clock.monotonic() + AWAY_SECONDS
        if not self.away:
            self.away = True
            log.warning("Redis is away (%s): until it is back, limits count only this process", type(exc).__name__)

    async def aclose(self) -> None:
        await self._redis.aclose()


def _result(limits: Sequence[Limit], answer: list[int]) -> WindowResult:
    admitted = answer[0] == 1
    windows = zip(limits, answer[1::2], answer[2::2], strict=True)
    results = [
        WindowResult(admitted, limit, max(0, limit.rate.count - count), max(0.0, limit.rate.seconds - age / 1_000_000))
        for limit, count, age in windows
    ]
    return min(results, key=lambda result: (result.remaining, -result.reset))
