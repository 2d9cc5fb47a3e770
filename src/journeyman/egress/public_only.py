"""The resolver and the socket factory that restrict a connection pool to public addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from journeyman.egress.addresses import address_refused, refusal_reason

Resolve = Callable[[str, int], Awaitable[list[str]]]  # host, port -> addresses; raises OSError


async def system_resolve(host: str, port: int) -> list[str]:
    """Resolve a host with the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PublicResolver(AbstractResolver):
    """A resolver that refuses a name if any of its addresses is not public."""

    def __init__(self, resolve: Resolve = system_resolve) -> None:
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = await self._resolve(host, port)
        for address in addresses:
            why = refusal_reason(address)
            if why is not None:
                raise address_refused(host, f"it leads to an address that is not public ({why})")
        return [_result(host, port, address) for address in addresses]

    async def close(self) -> None:
        """Do nothing: the resolver holds no resources."""


def _result(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)


def public_socket(address_info: tuple[Any, ...]) -> socket.socket:
    """Return a socket for the address that the pool is about to connect to, after a last check of that address.

    Raises:
        ServiceError: `address_refused`: the address is not public.
    """
    family, kind, protocol, _, address = address_info
    why = refusal_reason(str(address[0]))
    if why is not None:
        raise address_refused(str(address[0]), f"it is not public ({why})")
    return socket.socket(family, kind, protocol)
