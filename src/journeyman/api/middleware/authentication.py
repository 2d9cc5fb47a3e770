"""Authentication and authorization: who calls, and whether that caller has the scope of the route.

The check wraps each route and goes by the route that matched, never by the address as it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from journeyman.api.security.rate_limiting import RateLimiter
from journeyman.api.security.request_context import IsValid, RequestContext, context_of
from journeyman.api.security.scopes import ANY, OPEN, UNCOUNTED, required_scope
from journeyman.auth.authenticator import Authenticator, unauthenticated
from journeyman.auth.principal import Caller
from journeyman.errors import ForbiddenError, UnauthenticatedError, ValidationError
from journeyman.telemetry.logs.setup import bind

_BEARER = b"bearer "
_PROTOCOL = b"bearer."  # a browser's WebSocket can set no header, so the credential is offered as a subprotocol
SUBPROTOCOL = "journeyman"  # offered beside it; this is the one that the server selects


class AuthenticationMiddleware:
    """Authenticates requests and counts them against rate limits.

    Without an authenticator (`AUTH_MODE=off`) every request has its caller from the start.
    """

    def __init__(self, authenticator: Authenticator | None, rate_limiter: RateLimiter | None = None) -> None:
        self._authenticator = authenticator
        self._rate_limiter = rate_limiter

    async def count_caller(self, caller: Caller, context: RequestContext) -> None:
        """Count a request of this caller. Raises ResourceError (`rate_limited`)."""
        if self._rate_limiter is not None:
            await self._rate_limiter.count_caller(caller, context)

    async def count_anonymous(self, context: RequestContext) -> None:
        """Count an unauthenticated request against its client address. Raises ResourceError (`rate_limited`)."""
        if self._rate_limiter is not None:
            await self._rate_limiter.count_anonymous(context)

    async def authorize(self, context: RequestContext, scope: str | None, *, counted: bool = True) -> Caller:
        """Return the caller of a request whose route needs this scope, and count the request if `counted`.

        With None every caller that authenticates is let through.

        Raises UnauthenticatedError, ForbiddenError (the caller lacks the scope), ValidationError (X-On-Behalf-Of), and
        ResourceError (`rate_limited`). A refused request counts in any case.
        """
        own = await self._known_caller(context, context.caller, _bearer(context))
        caller = await self._acting_caller(context, own, scope)
        if counted:
            await self.count_caller(caller, context)
        return caller

    async def authenticate_socket(
        self, context: RequestContext, credential: str | None, *, again: bool = False
    ) -> Caller:
        """Return the caller that opens a WebSocket or, `again`, sends a command by it. Commands are authorized later.

        Raises UnauthenticatedError, ForbiddenError and ValidationError (X-On-Behalf-Of), and ResourceError
        (`rate_limited`) after too many failed attempts from this address, or of this caller.
        """
        own = await self._known_caller(context, None if again else context.caller, credential)
        return await self._acting_caller(context, own)

    async def _known_caller(self, context: RequestContext, known: Caller | None, credential: str | None) -> Caller:
        """Return the caller that is known already, or the owner of the credential. A failed attempt is counted."""
        try:
            return known or await self._authenticate(credential)
        except UnauthenticatedError:
            await self.count_anonymous(context)
            raise

    async def _acting_caller(self, context: RequestContext, caller: Caller, scope: str | None = None) -> Caller:
        """Return the caller as the principal that it acts for, after a check of `scope`; None: commands are checked
        later. A refused request is counted against the caller's own principal."""
        try:
            if scope is not None:
                caller.check(scope)
            return on_behalf_of(context, caller)
        except (ForbiddenError, ValidationError):
            await self.count_caller(caller, context)
            raise

    async def _authenticate(self, credential: str | None) -> Caller:
        if self._authenticator is None or credential is None:
            raise unauthenticated()
        return await self._authenticator.authenticate(credential)

    async def is_valid(self, credential: str) -> bool:
        """Check whether the credential of an open connection is still valid."""
        return self._authenticator is None or await self._authenticator.is_valid(credential)

    def validity_check(self, context: RequestContext) -> IsValid | None:
        """Return a function that checks the request's credential again; None if it needed no credential."""
        credential = _bearer(context)
        return None if context.caller is not None or credential is None else partial(self.is_valid, credential)


class AuthorizedRoute:
    """A route's ASGI application behind authentication, authorization and rate limiting."""

    def __init__(
        self, app: ASGIApp, scope: str | None, authentication: AuthenticationMiddleware, counted: bool = True
    ) -> None:
        self._app = app
        self._scope = scope
        self._authentication = authentication
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = context_of(scope)
        caller = await self._authentication.authorize(context, self._scope, counted=self._counted)
        if caller is not context.caller:
            context.authenticated(caller, self._authentication.validity_check(context))
            bind(principal=caller.principal)
        await self._app(scope, receive, send)


def guard(routes: Sequence[BaseRoute], authentication: AuthenticationMiddleware) -> None:
    """Put every route behind authentication. Raises LookupError for a route that the permission table does not list.

    WebSocket routes authenticate their clients themselves, since the credential may come in the first message.
    """
    for route in routes:
        if isinstance(route, WebSocketRoute):
            required_scope("WS", route.path)
        elif isinstance(route, Route):
            scope = _scope_of(route)
            if scope != OPEN:
                needed = None if scope == ANY else scope
                route.app = AuthorizedRoute(route.app, needed, authentication, route.path not in UNCOUNTED)
        else:
            raise LookupError(f"{route!r} is neither a Route nor a WebSocketRoute, so it would not be authenticated.")


def _scope_of(route: Route) -> str:
    scopes = {required_scope(method, route.path) for method in route.methods or {"GET"}}
    if len(scopes) > 1:
        raise LookupError(f"The methods of {route.path} need different scopes: declare one route for each method.")
    return scopes.pop()


def on_behalf_of(context: RequestContext, caller: Caller) -> Caller:
    """Return the caller, or the principal that it names in X-On-Behalf-Of. Raises ForbiddenError, ValidationError."""
    other = context.headers.get(b"x-on-behalf-of")
    return caller if other is None else caller.on_behalf_of(other.decode("latin-1"))


def _bearer(context: RequestContext) -> str | None:
    header = context.headers.get(b"authorization", b"")
    return header[len(_BEARER) :].strip().decode("latin-1") if header[: len(_BEARER)].lower() == _BEARER else None


def offered(context: RequestContext) -> str | None:
    """Return the credential of a WebSocket's opening request, from the header or a subprotocol `bearer.CREDENTIAL`.

    None if it has none, or more than one subprotocol of that form.
    """
    protocols = context.headers.get(b"sec-websocket-protocol", b"").split(b",")
    found = [part.strip()[len(_PROTOCOL) :] for part in protocols if part.strip().startswith(_PROTOCOL)]
    return _bearer(context) or (found[0].decode("latin-1") if len(found) == 1 else None)
