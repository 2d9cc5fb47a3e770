"""The places for connections: how many are open, of all clients and of one address, and which one makes room."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from journeyman.api.security.client_address import ip_address_of

log = logging.getLogger(__name__)

Reason = Literal["address", "full", "idle"]
QUIET_SECONDS = 60.0  # between two warnings that connections are refused
_NETWORK_BITS = 64  # of an IPv6 address: one client has all addresses below


class PlaceLimits(msgspec.Struct, frozen=True):
    """How many connections may be open: of all clients, of one address, and beyond that for probes."""

    connections: int = 4096
    per_address: int = 1024
    probes: int = 16


class Placed(Protocol):
    """A connection that has a place."""

    def make_room(self) -> None:
        """Close the connection, which has no request in progress."""
        ...


def ignore_reason(reason: Reason) -> None:
    """Do nothing: the default hook of refused connections."""


def has_no_share(address: str) -> bool:
    """Return whether an address may have all places: none may."""
    return False


class _Address:
    """The connections of one address. `idle` has those without a request in progress, the longest idle first."""

    __slots__ = ("has_share", "idle", "name", "open")

    def __init__(self, name: str, has_share: bool) -> None:
        self.name = name
        self.has_share = has_share
        self.open = 0
        self.idle: dict[Placed, None] = {}


class ConnectionPlaces:
    """Gives places to connections. Where there is none, the connection that is idle longest makes room.

    If none is idle, a connection gets one of the few places for probes: what it asks decides whether it is answered.

    `is_exempt` says which addresses have no share of their own, such as trusted proxies. `on_refused` is called with
    the reason for each connection that gets no place (`address`, `full`), or makes room (`idle`).
    """

    def __init__(
        self,
        limits: PlaceLimits = PlaceLimits(),
        is_exempt: Callable[[str], bool] = has_no_share,
        on_refused: Callable[[Reason], None] = ignore_reason,
    ) -> None:
        self.limits = limits
        self._is_exempt = is_exempt
        self._on_refused = on_refused
        self._addresses: dict[str, _Address] = {}
        self._of: dict[Placed, _Address] = {}
        self._idle: dict[Placed, None] = {}  # the longest idle first
        self._reserved: dict[Placed, _Address] = {}  # beyond the limits, the oldest first: they may only be probes
        self._probing: set[Placed] = set()  # those of them that have a request
        self._refused: set[Reason] = set()  # since the last warning
        self._warned_at = -QUIET_SECONDS

    def __len__(self) -> int:
        return len(self._of) + len(self._reserved)

    def take(self, connection: Placed, host: str) -> Reason | None:
        """Give a new connection a place. Returns why it has none; None if it has one.

        `host`: the address of its peer, empty for a Unix socket.
        """
        address = self._address_of(host)
        reason = self._obstacle(address)
        if reason is None:
            self._enter(connection, address)
            self.rest(connection)
            return None
        if len(self._reserved) >= self.limits.probes and not self._drop_reserved():
            return self._refuse(reason)
        self._reserved[connection] = address
        return None

    def begin(self, connection: Placed, *, probe: bool) -> Reason | None:
        """Note that a connection has a request. Returns why it may not have one: its place is for probes. None: it may.

        A connection that was refused or has made room is being closed: it may, too.
        """
        if (address := self._of.get(connection)) is not None:
            self._idle.pop(connection, None)
            address.idle.pop(connection, None)
        elif (address := self._reserved.get(connection)) is not None:
            if (reason := self._obstacle(address)) is None:
                del self._reserved[connection]
                self._enter(connection, address)
            elif not probe:
                return self._refuse(reason)
            else:
                self._probing.add(connection)
        return None

    def rest(self, connection: Placed) -> None:
        """Note that a connection has no request in progress."""
        self._probing.discard(connection)
        if (address := self._of.get(connection)) is not None:
            self._idle[connection] = address.idle[connection] = None

    def leave(self, connection: Placed) -> None:
        """Free the place of a connection, if it has one."""
        self._reserved.pop(connection, None)
        self._probing.discard(connection)
        address = self._of.pop(connection, None)
        if address is None:
            return
        self._idle.pop(connection, None)
        address.idle.pop(connection, None)
        address.open -= 1
        if not address.open:
            self._addresses.pop(address.name, None)

    def _address_of(self, host: str) -> _Address:
        name = _client_of(host)
        return self._addresses.get(name) or _Address(name, has_share=bool(host) and not self._is_exempt(host))

    def _obstacle(self, address: _Address) -> Reason | None:
        """Return why there is no place for an address, although no connection is idle. None: there is one now."""
        address = self._addresses.get(address.name, address)
        if address.has_share and address.open >= self.limits.per_address and not self._drop(address.idle):
            return "address"
        if len(self._of) >= self.limits.connections and not self._drop(self._idle):
            return "full"
        return None

    def _enter(self, connection: Placed, address: _Address) -> None:
        address = self._addresses.setdefault(address.name, address)
        self._of[connection] = address
        address.open += 1

    def warn(self, now: float) -> None:
        """Log that connections were refused, at most once a minute."""
        if self._refused and now - self._warned_at >= QUIET_SECONDS:
            self._warned_at = now
            log.warning("%s", _warning(self._refused, self.limits))
            self._refused.clear()

    def _drop(self, idle: dict[Placed, None]) -> bool:
        """Close the connection that is idle longest. Returns False if there is none."""
        oldest = next(iter(idle), None)
        return oldest is not None and self._close(oldest)

    def _drop_reserved(self) -> bool:
        """Close the oldest connection of those for probes that has no request. Returns False if there is none."""
        oldest = next((each for each in self._reserved if each not in self._probing), None)
        return oldest is not None and self._close(oldest)

    def _close(self, connection: Placed) -> bool:
        self.leave(connection)
        connection.make_room()
        self._on_refused("idle")
        return True

    def _refuse(self, reason: Reason) -> Reason:
        self._refused.add(reason)
        self._on_refused(reason)
        return reason


def _warning(reasons: set[Reason], limits: PlaceLimits) -> str:
    if "full" in reasons:
        return f"connections are refused: {limits.connections} are open and have a request (CONNECTIONS)"
    return (
        f"connections of an address are refused: it has {limits.per_address} (CONNECTIONS_PER_ADDRESS); if it is a "
        "proxy, name it in TRUSTED_PROXIES"
    )


def _client_of(host: str) -> str:
    """Return what counts as one client: an IPv4 address, or a network of 64 bits."""
    if ":" not in host:
        return host
    address = ip_address_of(f"[{host.partition('%')[0]}]")
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, _NETWORK_BITS), strict=False))
    return host if address is None else str(address)
