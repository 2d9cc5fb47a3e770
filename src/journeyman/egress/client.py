"""The HTTP client that tools use: it checks the address at each redirect and sends through the origin's guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urljoin

import msgspec

from journeyman.clock import Clock
from journeyman.egress.addresses import Address, address_refused, check_literal, is_listed, parse_address
from journeyman.egress.http_messages import MOST_BYTES, HttpReply, HttpRequest
from journeyman.egress.retry_rules import (
    RefusedError,
    classify_idempotent,
    classify_non_idempotent,
    invites_retry,
    retry_after,
)
from journeyman.egress.services import Destination, Services
from journeyman.egress.traceparent import with_traceparent
from journeyman.egress.transport import Request, Transport

_MAX_REDIRECTS = 5
# Any other header may carry a credential, whatever its name is, and goes to the first origin only.
_HEADERS_OF_EVERY_ORIGIN = frozenset({"accept", "accept-language", "cache-control", "range", "user-agent"})
_UNSENDABLE_HEADERS = ("host", "content-length", "transfer-encoding", "connection")


class HttpClient:
    """An HTTP client for tools, over two connection pools: one for public addresses, one for configured services.

    Services that an agent file configures may have private addresses. `open_transport(public_only)` creates a pool when
    it is first needed.
    """

    def __init__(self, services: Services, open_transport: Callable[[bool], Transport], clock: Clock) -> None:
        self._services = services
        self._open = open_transport
        self._clock = clock
        self._transports: dict[bool, Transport] = {}

    async def send(self, request: HttpRequest, *, idempotent: bool, hosts: tuple[str, ...] | None = None) -> HttpReply:
        """Send a request and return the reply, whatever its status.

        GET and HEAD follow at most 5 redirects, never from https to http.

        Args:
            idempotent: The request has the same effect when it is repeated, so it is retried after any failure.
            hosts: The only hosts that may be reached; None: all public hosts and the configured services.

        Raises:
            ServiceError: `address_refused`, or the reason why there is no reply (`service_…`).
        """
        address = parse_address(request.url)
        for _ in range(_MAX_REDIRECTS + 1):
            if hosts is not None and not is_listed(address, hosts):
                raise address_refused(address.url, f"the tool's permissions.network does not list {address.host}")
            reply = await self._send_guarded(request, address, idempotent)
            target = _redirect_target(request, address, reply)
            if target is None:
                return reply
            if target.origin != address.origin:
                kept = {key: value for key, value in request.headers.items() if key.lower() in _HEADERS_OF_EVERY_ORIGIN}
                request = msgspec.structs.replace(request, headers=kept)
            address = target
        raise address_refused(request.url, f"it redirects more than {_MAX_REDIRECTS} times")

    async def aclose(self) -> None:
        """Close every connection; idempotent."""
        for transport in self._transports.values():
            await transport.aclose()

    async def _send_guarded(self, request: HttpRequest, address: Address, idempotent: bool) -> HttpReply:
        destination = self._services.of_url(address.url)
        public = request.public_only or not destination.configured
        if public:
            check_literal(address)
        attempt = self._attempt(request, address, destination, self._transport(public))
        try:
            return await destination.guard.call(attempt, classify_idempotent if idempotent else classify_non_idempotent)
        except _RefusedReply as refused:
            return refused.reply

    def _attempt(
        self, request: HttpRequest, address: Address, destination: Destination, transport: Transport
    ) -> Callable[[int], Awaitable[HttpReply]]:
        headers = {name: value for name, value in request.headers.items() if name not in _UNSENDABLE_HEADERS}
        headers.setdefault("user-agent", "journeyman")
        headers["accept-encoding"] = "identity"
        # a public page that a model chose gets no ids of this server
        sent = headers if request.public_only else with_traceparent(headers)
        outgoing = Request(request.method, address.url, sent, request.body, destination.timeouts)
        limit = min(request.max_bytes, MOST_BYTES)

        async def attempt(number: int) -> HttpReply:
            async with transport.send(outgoing) as response:
                body = await response.read(limit)
                reply = HttpReply(response.status, _merged_headers(response.headers), body, address.url)
            if invites_retry(reply.status):
                raise _RefusedReply(reply, retry_after(reply.headers, self._clock.now()))
            return reply

        return attempt

    def _transport(self, public: bool) -> Transport:
        transport = self._transports.get(public)
        if transport is None:
            transport = self._transports[public] = self._open(public)
        return transport


class _RefusedReply(RefusedError):
    """A refusal that keeps the reply, which is returned if no retry succeeds."""

    def __init__(self, reply: HttpReply, retry_after: float | None) -> None:
        super().__init__(f"{reply.url} answered {reply.status}", retry_after=retry_after, status=reply.status)
        self.reply = reply


def _redirect_target(request: HttpRequest, address: Address, reply: HttpReply) -> Address | None:
    """Return where the reply redirects to; None if it is no redirect to follow."""
    location = reply.headers.get("location")
    if reply.status not in (301, 302, 303, 307, 308) or location is None or request.method not in ("GET", "HEAD"):
        return None
    target = parse_address(urljoin(address.url, location))
    if address.scheme == "https" and target.scheme == "http":
        raise address_refused(target.url, f"{address.origin} redirects from https to http")
    return target


def _merged_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with names in lower case; the values of a repeated header are joined by commas."""
    merged: dict[str, str] = {}
    for name, value in headers.items():
        name = name.lower()
        merged[name] = f"{merged[name]}, {value}" if name in merged else value
    return merged
