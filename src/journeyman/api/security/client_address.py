"""Client addresses: the peer's, or the one that a trusted proxy reports in `X-Forwarded-For`."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_MOST_HOPS = 32  # that are read, from the right


class TrustedProxies:
    """The proxies whose `X-Forwarded-For` is trusted, as addresses and networks."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(each, strict=False) for each in trusted)

    def client(self, peer: str, forwarded: bytes | None) -> str:
        """Return the client's address.

        `forwarded` is read from the right, for as long as the hops are trusted proxies: the first hop that is not is
        the client. Without a header, or from a peer that is not trusted, the client is the peer.
        """
        if forwarded is None or not self._networks or not self._trusts(ip_address_of(peer)):
            return peer
        client = peer
        for hop in reversed(forwarded.decode("latin-1").split(",")[-_MOST_HOPS:]):
            address = ip_address_of(hop)
            if address is None:
                break
            client = str(address)
            if not self._trusts(address):
                break
        return client

    def includes(self, peer: str) -> bool:
        """Return whether the address of a peer is that of a trusted proxy."""
        return bool(self._networks) and self._trusts(ip_address_of(peer))

    def _trusts(self, address: IpAddress | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def ip_address_of(text: str) -> IpAddress | None:
    """Parse an address as proxies write it: bare, with a port, or in brackets. Returns None if it is not an address.

    An IPv4 address that is mapped into IPv6 becomes the IPv4 address.
    """
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
