"""How often a caller may ask: a place in a sliding window for each request, and headers that say what is left."""

from __future__ import annotations

import math

from starlette.types import Scope

from journeyman.api.visit import Visit
from journeyman.auth.principal import Caller
from journeyman.errors import ResourceError
from journeyman.resilience.rate_limit import Rate
from journeyman.resilience.window import Limit, Verdict, Windows

_KEY = "journeyman.rate_limit"
Headers = list[tuple[bytes, bytes]]


class Admission:
    """Counts requests of each principal, and of each address as long as nobody has said who calls."""

    def __init__(self, windows: Windows, rate: Rate) -> None:
        self._windows = windows
        self._rate = rate

    async def of(self, caller: Caller, scope: Scope) -> None:
        """A request of this caller. Raises ResourceError (`rate_limited`); what is refused does not count."""
        await self._take(f"principal:{caller.principal}", scope)

    async def of_nobody(self, visit: Visit, scope: Scope) -> None:
        """A request without a credential that holds: who guesses is slowed down. Raises ResourceError."""
        await self._take(f"address:{visit.address}", scope)

    async def _take(self, key: str, scope: Scope) -> None:
        verdict = await self._windows.admit([Limit(key, self._rate)])
        scope[_KEY] = _headers(verdict)
        if not verdict.admitted:
            rate = verdict.limit.rate
            text = f"More than {rate.count} requests in {rate.seconds:g} seconds: wait, then try again."
            raise ResourceError(text, code="rate_limited", retry_after=math.ceil(verdict.reset))


def rate_headers(scope: Scope) -> Headers:
    """What the answer to this request says of its limit; empty: it has none."""
    headers: Headers = scope.get(_KEY, [])
    return headers


def _headers(verdict: Verdict) -> Headers:
    """RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers)."""
    rate = verdict.limit.rate
    return [
        (b"ratelimit-policy", b'"default";q=%d;w=%d' % (rate.count, math.ceil(rate.seconds))),
        (b"ratelimit", b'"default";r=%d;t=%d' % (verdict.remaining, math.ceil(verdict.reset))),
    ]
