"""How often a caller may ask: a place in sliding windows for each request, and headers that say what is left."""

from __future__ import annotations

import math

from starlette.types import Scope

from journeyman.api.security.request_context import RequestContext
from journeyman.auth.principal import Caller
from journeyman.errors import ResourceError
from journeyman.resilience.rate_limit import Rate
from journeyman.resilience.window import Limit, WindowResult, Windows

_KEY = "journeyman.rate_limit"
_POLICIES = {"principal": b"default", "address": b"default", "key": b"key"}  # by the kind of a limit's key
Headers = list[tuple[bytes, bytes]]


class RateLimiter:
    """Counts requests of each principal and key, and of each address as long as nobody has said who calls."""

    def __init__(self, windows: Windows, rate: Rate | None) -> None:
        """`rate` is everybody's; None: only keys with a rate of their own are counted."""
        self._windows = windows
        self._rate = rate

    async def of(self, caller: Caller, scope: Scope) -> None:
        """A request of this caller. Raises ResourceError (`rate_limited`); what is refused does not count."""
        limits = self._everybodys(f"principal:{caller.principal}")
        if caller.rate is not None:
            limits.append(Limit(f"key:{caller.line}", caller.rate))
        await self._take(limits, scope)

    async def of_nobody(self, visit: RequestContext, scope: Scope) -> None:
        """A request without a credential that holds: who guesses is slowed down. Raises ResourceError."""
        await self._take(self._everybodys(f"address:{visit.address}"), scope)

    def _everybodys(self, key: str) -> list[Limit]:
        return [] if self._rate is None else [Limit(key, self._rate)]

    async def _take(self, limits: list[Limit], scope: Scope) -> None:
        if not limits:
            return
        verdict = await self._windows.admit(limits)
        scope[_KEY] = _headers(limits, verdict)
        if not verdict.admitted:
            raise ResourceError(_refusal(verdict.limit), code="rate_limited", retry_after=math.ceil(verdict.reset))


def rate_headers(scope: Scope) -> Headers:
    """What the answer to this request says of its limits; empty: it has none."""
    headers: Headers = scope.get(_KEY, [])
    return headers


def _headers(limits: list[Limit], verdict: WindowResult) -> Headers:
    """Every limit as a policy, and what is left of the one with the least room."""
    policies = (b'"%s";q=%d;w=%d' % (_name(each), each.rate.count, math.ceil(each.rate.seconds)) for each in limits)
    left = b'"%s";r=%d;t=%d' % (_name(verdict.limit), verdict.remaining, math.ceil(verdict.reset))
    # RateLimit-Policy and RateLimit: lists of structured fields (draft-ietf-httpapi-ratelimit-headers)
    return [(b"ratelimit-policy", b", ".join(policies)), (b"ratelimit", left)]


def _name(limit: Limit) -> bytes:
    return _POLICIES[limit.key.partition(":")[0]]


def _refusal(limit: Limit) -> str:
    whose = " of this key" if _name(limit) == b"key" else ""
    return f"More than {limit.rate.count} requests{whose} in {limit.rate.seconds:g} seconds: wait, then try again."
