"""The outermost ASGI layer: names and origins checked, request id given, headers set, errors answered."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import ClientDisconnected
from journeyman.api.problems import RequestError, problem_code, send_problem
from journeyman.api.security.client_address import TrustedProxies
from journeyman.api.security.host_policy import HEADERS, SAFE_METHODS, STRICT_POLICY, HostPolicy
from journeyman.api.security.rate_limiting import rate_headers
from journeyman.api.security.request_context import RequestContext, begin_context, request_headers
from journeyman.auth.principal import LOCAL
from journeyman.clock import Clock
from journeyman.events.trace import TraceContext, parsed, trace_of
from journeyman.telemetry.logs.setup import bind
from journeyman.telemetry.metrics.recorders import RequestServed

_LOG = logging.getLogger(__name__)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class EdgeMiddleware:
    """Wraps the whole application. Pure ASGI: nothing is buffered, nothing runs in another task."""

    def __init__(self, app: ASGIApp, ports: ApiDependencies, templates: Mapping[Any, str]) -> None:
        self._app = app
        self._templates = templates  # endpoints of plain routes -> their paths: FastAPI tells only of its own
        self._ids = ports.ids
        self._mask = ports.mask
        self._clock = ports.clock
        self._served = ports.served
        self._everybody = LOCAL if ports.authenticator is None else None
        self._proxies = TrustedProxies(ports.trusted_proxies)
        self._traced = ports.traced
        self._policy = HostPolicy(ports.allowed_hosts, ports.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = begin_context(scope, self._visit(scope))
        _bind(visit)
        reply = _Reply(send, visit.request_id, self._clock, scope)
        began = self._clock.monotonic()
        try:
            self._check(scope["method"], visit.headers)
            await self._app(scope, receive, reply)
        except ClientDisconnected:
            return
        except Exception as exc:  # noqa: BLE001 - the root of a request: logged, answered, never passed on
            if reply.started:
                _LOG.error("answer cut", exc_info=exc, extra={"request_id": visit.request_id})
            else:
                await send_problem(reply, exc, scope, self._ids, self._mask)
        finally:
            seconds = (reply.began or self._clock.monotonic()) - began
            served = RequestServed(scope["method"], self._template(scope), reply.status, seconds, problem_code(scope))
            self._served(served)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = begin_context(scope, self._visit(scope))
        _bind(visit)
        try:
            self._check("GET", visit.headers, origin=True)
        except RequestError as exc:
            _LOG.info("socket refused: %s", exc)
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": exc.code})
            return
        await self._app(scope, receive, send)

    def _template(self, scope: Scope) -> str:
        """The matched route's path with its parameters' names; "": none matched."""
        route = scope.get("route")
        return route.path if route is not None else self._templates.get(scope.get("endpoint"), "")

    def _visit(self, scope: Scope) -> RequestContext:
        headers = request_headers(scope["headers"])
        given = headers.get(b"x-request-id")
        known = given is not None and _REQUEST_ID.fullmatch(given) is not None
        peer = scope["client"][0] if scope.get("client") else ""
        address = self._proxies.client(peer, headers.get(b"x-forwarded-for"))
        request_id = given.decode() if given and known else self._ids.new("req")
        return RequestContext(self._everybody, request_id, headers, address, self._trace(headers.get(b"traceparent")))

    def _trace(self, sent: bytes | None) -> TraceContext | None:
        trace = parsed(sent.decode("latin-1")) if sent else None
        return TraceContext(trace_of(self._ids.new("trace"), None)) if trace is None and self._traced else trace

    def _check(self, method: str, headers: dict[bytes, bytes], *, origin: bool = False) -> None:
        host = headers.get(b"host", b"")
        if not self._policy.host_allowed(host):
            raise RequestError(
                "This server does not answer to that Host: add the name to ALLOWED_HOSTS.",
                status=421,
                code="host_not_allowed",
            )
        if (origin or method not in SAFE_METHODS) and not self._policy.origin_allowed(headers.get(b"origin"), host):
            raise RequestError(
                "A page of that Origin may not do this: add it to CORS_ORIGINS.", status=403, code="origin_not_allowed"
            )


def _bind(visit: RequestContext) -> None:
    bind(request_id=visit.request_id, trace_id=visit.trace_id, client=visit.address or None)
    if visit.caller is not None:
        bind(principal=visit.caller.principal)


class _Reply:
    """`send`, with the headers that every answer carries; which status it began with, and when (0: it did not)."""

    __slots__ = ("_clock", "_request_id", "_scope", "_send", "began", "status")

    def __init__(self, send: Send, request_id: str, clock: Clock, scope: Scope) -> None:
        self._scope = scope
        self._send = send
        self._request_id = request_id
        self._clock = clock
        self.status = 0
        self.began = 0.0

    @property
    def started(self) -> bool:
        return self.status != 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.began = self._clock.monotonic()
            message["headers"] = self._complete(message.get("headers", []))
        await self._send(message)

    def _complete(self, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        headers = [*given, *HEADERS, *rate_headers(self._scope), (b"x-request-id", self._request_id.encode())]
        names = {name for name, _ in given}
        if STRICT_POLICY[0] not in names:
            headers.append(STRICT_POLICY)
        if b"cache-control" not in names:
            headers.append((b"cache-control", b"no-store"))
        return headers
