"""Callers on this machine: all others are refused while AUTH_MODE is off, since nothing else tells them apart."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

from journeyman.api.security.client_address import ip_address_of

_LOOPBACK = frozenset({"127.0.0.1", "::1", ""})  # empty: the peer of a Unix socket
_TEST_PEER = "testclient"  # of Starlette's TestClient; a server gives addresses
FORWARDING_HEADERS = frozenset(
    {
        b"cf-connecting-ip",
        b"fastly-client-ip",
        b"fly-client-ip",
        b"forwarded",
        b"true-client-ip",
        b"via",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-forwarded",
        b"x-forwarded-by",
        b"x-forwarded-client-cert",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-forwarded-scheme",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        b"x-original-forwarded-for",
        b"x-original-host",
        b"x-real-ip",
    }
)


def is_hosted(scope: Scope) -> bool:
    """Return whether another application passes this request on: Starlette, FastAPI and others name themselves."""
    return "app" in scope


class LocalCallers:
    """Tells requests of this machine from all others, by their peer and by the headers that proxies add."""

    def __init__(self, *, under_test: bool) -> None:
        """`under_test` accepts the peer of a test client, which is no address."""
        self._peers = _LOOPBACK | {_TEST_PEER} if under_test else _LOOPBACK

    def is_local(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether the request comes from this machine, and through no proxy.

        No peer is a Unix socket: its file says who may connect.
        """
        client = scope.get("client")
        peer = client[0] if client else ""
        return (peer in self._peers or _is_loopback(peer)) and FORWARDING_HEADERS.isdisjoint(headers)


def _is_loopback(peer: str) -> bool:
    address = ip_address_of(peer)
    return address is not None and address.is_loopback
