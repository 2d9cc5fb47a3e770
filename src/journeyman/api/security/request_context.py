"""What is known of a request before its body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import msgspec
from starlette.types import Scope

from journeyman.auth.principal import Caller
from journeyman.events.trace import TraceContext

_KEY = "journeyman.visit"
_ONCE = (b"authorization", b"x-on-behalf-of", b"sec-websocket-protocol")  # headers that say who calls


class RequestContext(msgspec.Struct, frozen=True):
    """Who, under which ids, with which headers. `caller` is None until the gate has let the request in; `holds` says
    whether its credential does still (None: it came without one)."""

    caller: Caller | None
    request_id: str
    headers: dict[bytes, bytes]
    address: str = ""  # of the client, whatever proxies of ours stand between
    trace: TraceContext | None = None  # the caller's
    holds: Callable[[], Awaitable[bool]] | None = None

    @property
    def known(self) -> Caller:
        assert self.caller is not None, "a route that is not behind the gate"
        return self.caller

    @property
    def principal(self) -> str:
        return self.known.principal

    @property
    def trace_id(self) -> str | None:
        return self.trace.trace_id if self.trace else None

    @property
    def caller_span(self) -> str | None:
        return self.trace.span_id or None if self.trace else None


def context_of(scope: Scope) -> RequestContext:
    return cast(RequestContext, scope[_KEY])


def begin_context(scope: Scope, visit: RequestContext) -> RequestContext:
    scope[_KEY] = visit
    return visit


def with_caller(scope: Scope, caller: Caller, holds: Callable[[], Awaitable[bool]] | None = None) -> RequestContext:
    """The visit goes on as this caller's."""
    return begin_context(scope, msgspec.structs.replace(context_of(scope), caller=caller, holds=holds))


def request_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The last of each name. One that says who calls and stands twice says nothing."""
    raw = list(raw)
    headers = dict(raw)
    if len(headers) < len(raw):
        for name in _ONCE:
            if name in headers and sum(each == name for each, _ in raw) > 1:
                headers[name] = b""
    return headers
