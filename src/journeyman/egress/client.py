"""HTTP for tools: each request passes the guard of its origin, to allowed hosts only, checked at each hop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urljoin

import msgspec

from journeyman.clock import Clock
from journeyman.egress.addresses import Address, check_literal, is_listed, is_refused_address, parse_address
from journeyman.egress.http_messages import MOST_BYTES, HttpReply, HttpRequest
from journeyman.egress.retry_rules import (
    RefusedError,
    classify_idempotent,
    classify_non_idempotent,
    invites_retry,
    retry_after,
)
from journeyman.egress.services import Destination, Services
from journeyman.egress.traceparent import traced
from journeyman.egress.transport import Request, Transport

_REDIRECTS = 5
_OWN = ("authorization", "cookie", "proxy-authorization", "idempotency-key")  # sent to the first origin only
_UNSENDABLE = ("host", "content-length", "transfer-encoding", "connection")


class HttpClient:
    """`open_transport(public_only)` makes a pool at its first use: one for public addresses, one for the services that
    an agent file configures, which may be private."""

    def __init__(self, services: Services, open_transport: Callable[[bool], Transport], clock: Clock) -> None:
        self._services = services
        self._open = open_transport
        self._clock = clock
        self._transports: dict[bool, Transport] = {}

    async def send(self, request: HttpRequest, *, harmless: bool, hosts: tuple[str, ...] | None = None) -> HttpReply:
        """The reply, whatever its status. GET and HEAD follow at most 5 redirects, never from https to http.

        Args:
            harmless: a repetition does no harm, so it may be tried again whatever became of it.
            hosts: the only ones that may be reached; None: every public one, and the configured services.

        Raises:
            ServiceError: `address_refused`, or why there is no reply (`service_…`).
        """
        place = parse_address(request.url)
        for _ in range(_REDIRECTS + 1):
            if hosts is not None and not is_listed(place, hosts):
                raise is_refused_address(place.url, f"the tool's permissions.network does not list {place.host}")
            reply = await self._guarded(request, place, harmless)
            following = _redirected(request, place, reply)
            if following is None:
                return reply
            if following.origin != place.origin:
                kept = {name: value for name, value in request.headers.items() if name not in _OWN}
                request = msgspec.structs.replace(request, headers=kept)
            place = following
        raise is_refused_address(request.url, f"it redirects more than {_REDIRECTS} times")

    async def aclose(self) -> None:
        """Close every connection; idempotent."""
        for transport in self._transports.values():
            await transport.aclose()

    async def _guarded(self, request: HttpRequest, place: Address, may_repeat: bool) -> HttpReply:
        destination = self._services.of_url(place.url)
        public = request.public_only or not destination.configured
        if public:
            check_literal(place)
        attempt = self._attempt(request, place, destination, self._transport(public))
        try:
            return await destination.guard.call(attempt, classify_idempotent if may_repeat else classify_non_idempotent)
        except _Refusal as refusal:
            return refusal.reply

    def _attempt(
        self, request: HttpRequest, place: Address, destination: Destination, transport: Transport
    ) -> Callable[[int], Awaitable[HttpReply]]:
        headers = {name: value for name, value in request.headers.items() if name not in _UNSENDABLE}
        headers.setdefault("user-agent", "journeyman")
        headers["accept-encoding"] = "identity"
        sent = headers if request.public_only else traced(headers)  # a page that a model names learns no ids of ours
        outgoing = Request(request.method, place.url, sent, request.body, destination.timeouts)
        limit = min(request.max_bytes, MOST_BYTES)

        async def attempt(number: int) -> HttpReply:
            async with transport.send(outgoing) as response:
                body = await response.read(limit)
                reply = HttpReply(response.status, _plain(response.headers), body, place.url)
            if invites_retry(reply.status):
                raise _Refusal(reply, retry_after(reply.headers, self._clock.now()))
            return reply

        return attempt

    def _transport(self, public: bool) -> Transport:
        transport = self._transports.get(public)
        if transport is None:
            transport = self._transports[public] = self._open(public)
        return transport


class _Refusal(RefusedError):
    """Keeps the reply."""

    def __init__(self, reply: HttpReply, advice: float | None) -> None:
        super().__init__(f"{reply.url} answered {reply.status}", retry_after=advice, status=reply.status)
        self.reply = reply


def _redirected(request: HttpRequest, place: Address, reply: HttpReply) -> Address | None:
    location = reply.headers.get("location")
    if reply.status not in (301, 302, 303, 307, 308) or location is None or request.method not in ("GET", "HEAD"):
        return None
    following = parse_address(urljoin(place.url, location))
    if place.scheme == "https" and following.scheme == "http":
        raise is_refused_address(following.url, f"{place.origin} redirects from https to http")
    return following


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    plain: dict[str, str] = {}
    for name, value in headers.items():
        name = name.lower()
        plain[name] = f"{plain[name]}, {value}" if name in plain else value
    return plain
