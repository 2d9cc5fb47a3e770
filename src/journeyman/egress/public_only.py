"""The parts that keep a pool on public addresses: its resolver, and the socket that is made for no other address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from journeyman.egress.addresses import is_refused_address, why_refused

Resolve = Callable[[str, int], Awaitable[list[str]]]  # host, port -> addresses; raises OSError


async def system_resolve(host: str, port: int) -> list[str]:
    """By the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PublicResolver(AbstractResolver):
    """Every answer is checked; one address that may not be reached spoils them all."""

    def __init__(self, resolve: Resolve = system_resolve) -> None:
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = await self._resolve(host, port)
        for address in addresses:
            why = why_refused(address)
            if why is not None:
                raise is_refused_address(host, f"it leads to an address that is not public ({why})")
        return [_result(host, port, address) for address in addresses]

    async def close(self) -> None:
        """Nothing is kept."""


def _result(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)


def public_socket(address_info: tuple[Any, ...]) -> socket.socket:
    """A socket for the address that is about to be connected to: the last check, and on the address itself.

    Raises ServiceError (`address_refused`).
    """
    family, kind, protocol, _, address = address_info
    why = why_refused(str(address[0]))
    if why is not None:
        raise is_refused_address(str(address[0]), f"it is not public ({why})")
    return socket.socket(family, kind, protocol)
