"""The outermost ASGI layer: checks host and origin, gives the request an id, sets headers, answers errors."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Set
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import ClientDisconnected
from journeyman.api.problems import RequestError, send_problem
from journeyman.api.protocols.openai_errors import form_of
from journeyman.api.routes.health import PROBES
from journeyman.api.security.body_bytes import BodyBytes
from journeyman.api.security.client_address import TrustedProxies
from journeyman.api.security.host_policy import HEADERS, SAFE_METHODS, STRICT_POLICY, HostPolicy, without_wildcard
from journeyman.api.security.local_callers import LocalCallers, is_hosted
from journeyman.api.security.request_context import RequestContext, begin_context, request_headers
from journeyman.api.security.unread_bytes import LARGE_BYTES, UnreadBytes, too_much_unread
from journeyman.auth.principal import LOCAL
from journeyman.clock import Clock
from journeyman.events.trace import TraceContext, parsed, trace_of
from journeyman.telemetry.logs.setup import bind
from journeyman.telemetry.metrics.recorders import RequestServed

_LOG = logging.getLogger(__name__)
_TRY_AGAIN = 1013  # close code
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class EdgeMiddleware:
    """Wraps the whole application. It is plain ASGI: it buffers nothing and runs nothing in another task."""

    def __init__(self, app: ASGIApp, dependencies: ApiDependencies, templates: Mapping[Any, str]) -> None:
        """`templates` maps endpoints of plain routes to their paths; FastAPI's routes name their own."""
        self._app = app
        self._templates = templates
        self._ids = dependencies.ids
        self._mask = dependencies.mask
        self._clock = dependencies.clock
        self._on_served = dependencies.on_served
        self._is_open = dependencies.authenticator is None  # AUTH_MODE=off
        self._trusts_host = dependencies.trust_host
        self._has_warned = False
        self._local_callers = LocalCallers(under_test=dependencies.under_test)
        self._proxies = TrustedProxies(dependencies.trusted_proxies)
        self._start_traces = dependencies.start_traces
        self._unread = UnreadBytes()
        self._bodies = BodyBytes(dependencies.request_bytes)
        hosts, origins = dependencies.allowed_hosts, dependencies.cors_origins
        self._hosted_policy = HostPolicy(hosts, origins, test_names=True)
        if self._is_open:  # where a page of any name could call, this machine's browser would call for it
            hosts, origins = without_wildcard(hosts), without_wildcard(origins)
        self._policy = HostPolicy(hosts, origins, test_names=dependencies.under_test)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = begin_context(scope, self._new_context(scope))
        _bind(context)
        answer = _Answer(send, context, self._clock, self._unread)
        started = self._clock.monotonic()
        try:
            self._check(scope, context)
            await self._app(scope, receive, answer)
            if answer.refused:
                await send_problem(answer, too_much_unread(), context, self._ids, self._mask)
        except ClientDisconnected:
            return
        except Exception as exc:  # noqa: BLE001 - the root of a request: logged, answered, never passed on
            if answer.started:
                _LOG.error("answer cut", exc_info=exc, extra={"request_id": context.request_id})
            else:
                await send_problem(answer, exc, context, self._ids, self._mask)
        finally:
            answer.release()
            context.release_body()
            seconds = (answer.started_at or self._clock.monotonic()) - started
            path = self._path_template(scope)
            self._on_served(RequestServed(scope["method"], path, answer.status, seconds, context.problem_code))

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = begin_context(scope, self._new_context(scope))
        _bind(context)
        try:
            self._check(scope, context)
        except RequestError as exc:
            _LOG.info("socket refused: %s", exc)
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": exc.code})
            return
        await self._app(scope, receive, _Frames(send, context, self._unread))

    def _path_template(self, scope: Scope) -> str:
        """Return the matched route's path, with parameters by name; empty if no route matched."""
        route = scope.get("route")
        return route.path if route is not None else self._templates.get(scope.get("endpoint"), "")

    def _new_context(self, scope: Scope) -> RequestContext:
        headers = request_headers(scope["headers"])
        given = headers.get(b"x-request-id")
        usable = given is not None and _REQUEST_ID.fullmatch(given) is not None
        request_id = given.decode() if given and usable else self._ids.new("req")
        peer = scope["client"][0] if scope.get("client") else ""
        address = self._proxies.client(peer, headers.get(b"x-forwarded-for"))
        caller = LOCAL if self._is_open and self._may_be_local(scope, headers) else None
        trace = self._trace(headers.get(b"traceparent"))
        form = form_of(scope["path"].removeprefix(scope.get("root_path", "")))
        return RequestContext(caller, request_id, headers, address, trace, bodies=self._bodies, form=form)

    def _may_be_local(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Return whether the caller is on this machine, or another application decides who may call."""
        if not self._is_hosted(scope):
            return self._local_callers.is_local(scope, headers)
        if not self._has_warned:
            self._has_warned = True
            _LOG.warning("AUTH_MODE=off inside of another application: that application decides who may call")
        return True

    def _is_hosted(self, scope: Scope) -> bool:
        return self._trusts_host or is_hosted(scope)

    def _trace(self, traceparent: bytes | None) -> TraceContext | None:
        trace = parsed(traceparent.decode("latin-1")) if traceparent else None
        if trace is None and self._start_traces:
            return TraceContext(trace_of(self._ids.new("trace"), None))
        return trace

    def _check(self, scope: Scope, context: RequestContext) -> None:
        headers = context.headers
        policy = self._hosted_policy if self._is_hosted(scope) else self._policy
        host = headers.get(b"host", b"")
        if self._is_open and context.caller is None and not _is_probe(scope):
            raise RequestError(
                "With AUTH_MODE=off only callers on this machine are answered, and this request comes from another one "
                "or through a proxy. Set AUTH_MODE=required and make a key with `journeyman keys create admin --scopes "
                "admin`. If another application serves this one and decides who may call, set "
                "`create_app(trust_host=True)`.",
                status=403,
                code="auth_off_is_local",
            )
        if not policy.host_allowed(host) and not _is_probe(scope):
            raise RequestError(
                "This server does not accept that Host. Add the name to ALLOWED_HOSTS.",
                status=421,
                code="host_not_allowed",
            )
        check_origin = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if check_origin and not policy.origin_allowed(headers.get(b"origin"), host):
            raise RequestError(
                "Pages of that Origin may not make changes. Add it to CORS_ORIGINS.",
                status=403,
                code="origin_not_allowed",
            )


def _is_probe(scope: Scope) -> bool:
    """Return whether this is a probe. An orchestrator sends the address of the machine as Host, which it may change."""
    return scope["type"] == "http" and scope["path"].removeprefix(scope.get("root_path", "")) in PROBES


def _bind(context: RequestContext) -> None:
    bind(request_id=context.request_id, trace_id=context.trace_id, client=context.address or None)
    if context.caller is not None:
        bind(principal=context.caller.principal)


class _Frames:
    """ASGI `send` of a WebSocket that counts a large frame as unread until it is sent.

    If its principal has too much unread already, the socket is closed with 1013 (try again later).
    """

    __slots__ = ("_context", "_send", "_unread")

    def __init__(self, send: Send, context: RequestContext, unread: UnreadBytes) -> None:
        self._send = send
        self._context = context
        self._unread = unread

    async def __call__(self, message: Message) -> None:
        """Send a message. Raises ClientDisconnected for a frame for which there is no room."""
        text = message.get("text")
        if text is None or len(text) <= LARGE_BYTES or self._context.caller is None:
            await self._send(message)
            return
        principal, count = self._context.principal, len(text.encode())
        if not self._unread.add(principal, count):
            await self._send({"type": "websocket.close", "code": _TRY_AGAIN, "reason": too_much_unread().code})
            raise ClientDisconnected
        try:
            await self._send(message)
        finally:
            self._unread.remove(principal, count)


class _Answer:
    """ASGI `send` that adds the headers of every answer and notes its status, and when it started.

    A large body is sent in slices, so that a client which does not read holds one slice in the connection's buffer. If
    its principal has too much unread already, an answer is dropped (`refused`), and a stream is ended.
    """

    __slots__ = ("_clock", "_context", "_counted", "_send", "_unread", "refused", "started_at", "status")

    def __init__(self, send: Send, context: RequestContext, clock: Clock, unread: UnreadBytes) -> None:
        self._send = send
        self._context = context
        self._clock = clock
        self._unread = unread
        self._counted = 0  # bytes of a large answer, or of a large frame of a stream, while it is sent
        self.refused = False
        self.status = 0  # until the answer has started
        self.started_at = 0.0

    @property
    def started(self) -> bool:
        return self.status != 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers", [])
            known = dict(headers)
            length = int(known.get(b"content-length", 0))
            self.refused = length > LARGE_BYTES and not self._count(length)
            if self.refused:
                return
            message["headers"] = self._complete(headers, known.keys())
            self.status = message["status"]
            self.started_at = self._clock.monotonic()
        elif len(message.get("body", b"")) > LARGE_BYTES and not self.refused:
            await self._send_large(message["body"], more_body=message.get("more_body", False))
            return
        if not self.refused:
            await self._send(message)

    def release(self) -> None:
        """Count what was sent as read, or its client as gone."""
        if self._counted:
            self._unread.remove(self._context.principal, self._counted)
            self._counted = 0

    async def _send_large(self, body: bytes, *, more_body: bool) -> None:
        """Send in slices. Raises ClientDisconnected for a frame of a stream for which there is no room."""
        is_frame = not self._counted
        if is_frame and not self._count(len(body)):
            raise ClientDisconnected
        for start in range(0, len(body), LARGE_BYTES):
            end = start + LARGE_BYTES
            more = more_body or end < len(body)
            await self._send({"type": "http.response.body", "body": body[start:end], "more_body": more})
        if is_frame:
            self.release()

    def _count(self, length: int) -> bool:
        """Count the bytes as unread. Returns False if there is no room for them."""
        if self._context.caller is not None:
            if not self._unread.add(self._context.principal, length):
                return False
            self._counted = length
        return True

    def _complete(self, given: list[tuple[bytes, bytes]], names: Set[bytes]) -> list[tuple[bytes, bytes]]:
        request_id = (b"x-request-id", self._context.request_id.encode())
        headers = [*given, *HEADERS, *self._context.rate_limit_headers, request_id]
        if STRICT_POLICY[0] not in names:
            headers.append(STRICT_POLICY)
        if b"cache-control" not in names:
            headers.append((b"cache-control", b"no-store"))
        return headers
