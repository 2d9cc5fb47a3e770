"""Request rate limits: every request is counted in sliding windows, and headers say how much is left."""

from __future__ import annotations

import math

from journeyman.api.security.request_context import Headers, RequestContext
from journeyman.auth.principal import KEY_PREFIX, TOKEN_PREFIX, Caller
from journeyman.errors import ResourceError
from journeyman.resilience.rate_limit import Rate
from journeyman.resilience.window import Limit, WindowResult, Windows

_POLICIES = {"principal": b"default", "address": b"default", "key": b"key"}  # by the kind of a limit's key


class RateLimiter:
    """Counts requests by principal and by key or token; unauthenticated ones by client address."""

    def __init__(self, windows: Windows, rate: Rate | None) -> None:
        """`rate` applies to every principal. If it is None, only keys with a rate of their own are limited."""
        self._windows = windows
        self._rate = rate

    async def count_caller(self, caller: Caller, context: RequestContext) -> None:
        """Count a request of this caller. Raises ResourceError (`rate_limited`); a rejected request is not counted."""
        limits = self._default_limits(f"principal:{caller.principal}")
        if caller.rate is not None:
            limits.append(Limit(f"key:{caller.line or caller.credential}", caller.rate))
        await self._count(limits, context)

    async def count_anonymous(self, context: RequestContext) -> None:
        """Count an unauthenticated request against its client address, to slow down credential guessing.

        Raises ResourceError (`rate_limited`).
        """
        await self._count(self._default_limits(f"address:{context.address}"), context)

    def _default_limits(self, key: str) -> list[Limit]:
        return [] if self._rate is None else [Limit(key, self._rate)]

    async def _count(self, limits: list[Limit], context: RequestContext) -> None:
        if not limits:
            return
        result = await self._windows.admit(limits)
        headers = _headers(limits, result)
        if context.form is not None:
            headers += context.form.rate_limit(result.limit.rate.count, result.remaining, result.reset)
        context.counted(headers)
        if not result.admitted:
            raise ResourceError(_message(result.limit), code="rate_limited", retry_after=math.ceil(result.reset))


def _headers(limits: list[Limit], result: WindowResult) -> Headers:
    """Return every limit as a policy, and what is left of the limit with the least room.

    Lists of structured fields, as in draft-ietf-httpapi-ratelimit-headers.
    """
    policies = (b'"%s";q=%d;w=%d' % (_name(each), each.rate.count, math.ceil(each.rate.seconds)) for each in limits)
    left = b'"%s";r=%d;t=%d' % (_name(result.limit), result.remaining, math.ceil(result.reset))
    return [(b"ratelimit-policy", b", ".join(policies)), (b"ratelimit", left)]


def _name(limit: Limit) -> bytes:
    return _POLICIES[limit.key.partition(":")[0]]


def _message(limit: Limit) -> str:
    whose = " of this key" if _name(limit) == b"key" else ""
    if limit.key.startswith(f"{KEY_PREFIX}{TOKEN_PREFIX}"):
        whose = " with tokens of this subject"
    return f"More than {limit.rate.count} requests{whose} in {limit.rate.seconds:g} seconds. Wait, then try again."
