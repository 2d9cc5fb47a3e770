"""Where a request comes from: the peer, unless that is a proxy of ours, which says where it had it from."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_LOOKED_AT = 32  # hops, from the right


class TrustedProxies:
    """The proxies whose `X-Forwarded-For` is believed: addresses and networks."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(each, strict=False) for each in trusted)

    def client(self, peer: str, forwarded: bytes | None) -> str:
        """The client's address; `forwarded` is believed as far as trusted proxies wrote it, from the right."""
        if forwarded is None or not self._networks or not self._trusts(_address(peer)):
            return peer
        client = peer
        for hop in reversed(forwarded.decode("latin-1").split(",")[-_LOOKED_AT:]):
            address = _address(hop)
            if address is None:
                break
            client = str(address)
            if not self._trusts(address):
                break
        return client

    def _trusts(self, address: IpAddress | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _address(text: str) -> IpAddress | None:
    """An address as proxies write it: bare, with a port, in brackets. One of IPv4 in IPv6 clothes is one of IPv4."""
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
