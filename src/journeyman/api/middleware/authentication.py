"""The one place where every request is let in or not: who calls, and whether the route's scope is among theirs.

The check stands around each route itself and goes by the route that matched, never by the address as it was written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from journeyman.api.security.rate_limiting import RateLimiter
from journeyman.api.security.request_context import RequestContext, context_of, with_caller
from journeyman.api.security.scopes import OPEN, UNCOUNTED, required_scope
from journeyman.auth.authenticator import Authenticator, unauthenticated
from journeyman.auth.principal import Caller
from journeyman.errors import UnauthenticatedError
from journeyman.telemetry.logs.setup import bind

_BEARER = b"bearer "
_PROTOCOL = b"bearer."  # a browser's WebSocket can set no header: the credential is offered as a subprotocol
SUBPROTOCOL = "journeyman"  # offered beside it, and the one that is chosen


class AuthenticationMiddleware:
    """Without an authenticator (AUTH_MODE=off) every visit has its caller already."""

    def __init__(self, authenticator: Authenticator | None, admission: RateLimiter | None = None) -> None:
        self._authenticator = authenticator
        self._admission = admission

    async def count(self, caller: Caller | None, visit: RequestContext, scope: Scope) -> None:
        """Raises ResourceError (`rate_limited`) where the caller, or the address of nobody, has asked too often."""
        if self._admission is None:
            return
        if caller is None:
            await self._admission.of_nobody(visit, scope)
        else:
            await self._admission.of(caller, scope)

    async def admit(self, visit: RequestContext, scope: str) -> Caller:
        """Who calls. Raises UnauthenticatedError, ForbiddenError (the scope is missing), ValidationError."""
        caller = visit.caller or await self.caller(_bearer(visit))
        caller.check(scope)
        return on_behalf_of(visit, caller)

    async def caller(self, credential: str | None) -> Caller:
        if self._authenticator is None or credential is None:
            raise unauthenticated()
        return await self._authenticator.caller(credential)

    async def introduced(self, visit: RequestContext, credential: str | None) -> Caller:
        """Who opens a WebSocket. Raises as `admit` does, and ResourceError where its address guessed too often."""
        try:
            caller = visit.caller or await self.caller(credential)
        except UnauthenticatedError:
            await self.count(None, visit, {})
            raise
        return on_behalf_of(visit, caller)

    async def still(self, credential: str) -> bool:
        return self._authenticator is None or await self._authenticator.still(credential)

    def holds(self, visit: RequestContext) -> Callable[[], Awaitable[bool]] | None:
        """Asks whether the credential of a request that was let in holds yet; None: it needed none."""
        credential = _bearer(visit)
        return None if visit.caller is not None or credential is None else partial(self.still, credential)


class AuthorizedRoute:
    """A route's application, behind the gate."""

    def __init__(self, app: ASGIApp, scope: str, gate: AuthenticationMiddleware, counted: bool = True) -> None:
        self._app = app
        self._needed = scope
        self._gate = gate
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = context_of(scope)
        caller = await self._let_in(visit, scope)
        if caller is not visit.caller:
            with_caller(scope, caller, self._gate.holds(visit))
            bind(principal=caller.principal)
        await self._app(scope, receive, send)

    async def _let_in(self, visit: RequestContext, scope: Scope) -> Caller:
        try:
            caller = await self._gate.admit(visit, self._needed)
        except UnauthenticatedError:
            await self._gate.count(None, visit, scope)
            raise
        if self._counted:
            await self._gate.count(caller, visit, scope)
        return caller


def guard(routes: Sequence[BaseRoute], gate: AuthenticationMiddleware) -> None:
    """Put every route behind the gate. Raises LookupError for a route that is not in the table of scopes."""
    for route in routes:
        if isinstance(route, WebSocketRoute):
            required_scope("WS", route.path)  # it lets its clients in itself: they may send their credential first
        elif isinstance(route, Route):
            scope = _scope_of(route)
            if scope != OPEN:
                route.app = AuthorizedRoute(route.app, scope, gate, route.path not in UNCOUNTED)
        else:
            raise LookupError(f"{route!r} is neither a route nor a WebSocket: nothing would guard it")


def _scope_of(route: Route) -> str:
    scopes = {required_scope(method, route.path) for method in route.methods or {"GET"}}
    if len(scopes) > 1:
        raise LookupError(f"{route.path} needs a route for each of its methods: they need different scopes")
    return scopes.pop()


def on_behalf_of(visit: RequestContext, caller: Caller) -> Caller:
    """The caller, or whomever it says that it acts for. Raises ForbiddenError, ValidationError."""
    other = visit.headers.get(b"x-on-behalf-of")
    return caller if other is None else caller.on_behalf_of(other.decode("latin-1"))


def _bearer(visit: RequestContext) -> str | None:
    header = visit.headers.get(b"authorization", b"")
    return header[len(_BEARER) :].strip().decode("latin-1") if header[: len(_BEARER)].lower() == _BEARER else None


def offered(visit: RequestContext) -> str | None:
    """The credential that comes with a WebSocket's first request: a header, or a subprotocol `bearer.CREDENTIAL`."""
    protocols = visit.headers.get(b"sec-websocket-protocol", b"").split(b",")
    found = [part.strip()[len(_PROTOCOL) :] for part in protocols if part.strip().startswith(_PROTOCOL)]
    return _bearer(visit) or (found[0].decode("latin-1") if len(found) == 1 else None)
