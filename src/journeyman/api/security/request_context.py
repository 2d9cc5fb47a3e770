"""The request context: what is known about one HTTP request or WebSocket, from its first byte to its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from journeyman.api.protocols.form import ProtocolForm
from journeyman.api.security.body_bytes import SMALL_BYTES, BodyBytes
from journeyman.auth.principal import Caller
from journeyman.events.trace import TraceContext

IsValid = Callable[[], Awaitable[bool]]
Headers = list[tuple[bytes, bytes]]
_KEY = "journeyman.context"  # in the ASGI scope
_CREDENTIAL_HEADERS = (b"authorization", b"x-on-behalf-of", b"sec-websocket-protocol")


class RequestContext(msgspec.Struct):
    """One request: its caller, ids and headers, and what middleware has found out on the way.

    `caller` is None until authentication has set it. `is_valid` checks again whether the caller's credential is still
    valid; it is None for a request that needed no credential.
    """

    caller: Caller | None
    request_id: str
    headers: dict[bytes, bytes]
    address: str = ""  # of the client, as seen behind trusted proxies
    trace: TraceContext | None = None  # from the caller's `traceparent`
    is_valid: IsValid | None = None
    rate_limit_headers: Headers = []
    problem_code: str = ""  # of the error that was sent as the answer; empty if there was none
    bodies: BodyBytes | None = None  # counts large bodies; None: they are not counted
    held: int = 0  # bytes of the request's body that are counted now
    form: ProtocolForm | None = None  # in which errors are written; None: this API's own

    @property
    def known(self) -> Caller:
        """The authenticated caller. Only routes that require a scope may read it."""
        assert self.caller is not None, "this route is not behind authentication"
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

    def authenticated(self, caller: Caller, is_valid: IsValid | None = None) -> None:
        """Record who the caller is, and how to check its credential again."""
        self.caller = caller
        self.is_valid = is_valid

    def counted(self, headers: Headers) -> None:
        """Record the rate limit headers for the answer."""
        self.rate_limit_headers = headers

    def hold_body(self, size: int) -> None:
        """Count the body as one of `size` bytes, if it is large. Raises ResourceError (`too_many_bytes`)."""
        if size > SMALL_BYTES and size > self.held and self.bodies is not None and self.caller is not None:
            self.bodies.hold(self.principal, size - self.held)
            self.held = size

    def release_body(self) -> None:
        """Count the body no more: it is stored, or refused."""
        if self.held and self.bodies is not None:
            self.bodies.free(self.principal, self.held)
            self.held = 0

    def failed(self, code: str) -> None:
        """Record the error code that the request is answered with."""
        self.problem_code = code


def context_of(scope: Scope) -> RequestContext:
    """Return the context of a request that has passed the edge middleware."""
    return cast(RequestContext, scope[_KEY])


def request_principal(request: Request) -> str:
    """Return the principal that calls a FastAPI route."""
    return context_of(request.scope).principal


def begin_context(scope: Scope, context: RequestContext) -> RequestContext:
    """Store the context in the ASGI scope and return it."""
    scope[_KEY] = context
    return context


def request_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers as a dict; a repeated header keeps its last value.

    A repeated credential header (Authorization, X-On-Behalf-Of, Sec-WebSocket-Protocol) becomes empty, since it is
    ambiguous which one counts.
    """
    raw = list(raw)
    headers = dict(raw)
    if len(headers) < len(raw):
        for name in _CREDENTIAL_HEADERS:
            if name in headers and sum(each == name for each, _ in raw) > 1:
                headers[name] = b""
    return headers
