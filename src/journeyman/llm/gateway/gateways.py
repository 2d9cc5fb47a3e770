"""The clients of all gateways of a process, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from journeyman.llm.gateway.gateway import Gateway
from journeyman.llm.gateway.gateway_spec import GatewaySpec

Create = Callable[[GatewaySpec, Mapping[str, Gateway]], Gateway]  # given all clients too, for fallbacks


class Gateways:
    """The clients by name; the gateway of the settings has an empty name. Nothing is connected before a call."""

    def __init__(self, create: Create, default: GatewaySpec | None = None) -> None:
        self._create = create
        self._default = default
        self._specs: dict[str, GatewaySpec] = {}
        self._clients: dict[str, Gateway] = {}
        self._replaced: list[Gateway] = []  # calls of theirs may be in progress, so they are closed at the end
        self.renew(())

    def get(self, name: str) -> Gateway | None:
        """Return the client of the gateway of this name, or None."""
        return self._clients.get(name)

    def clients(self) -> tuple[Gateway, ...]:
        """Return the clients of all gateways that are in use."""
        return tuple(self._clients.values())

    def url(self, name: str) -> str | None:
        """Return the URL of the gateway of this name, or None. It may hold credentials."""
        spec = self._specs.get(name)
        return spec.url if spec else None

    def renew(self, named: Iterable[GatewaySpec]) -> None:
        """Use these gateways and that of the settings from now on. A gateway that did not change keeps its client."""
        specs = {spec.name: spec for spec in (*((self._default,) if self._default else ()), *named)}
        for name in [name for name in self._clients if specs.get(name) != self._specs[name]]:
            self._replaced.append(self._clients.pop(name))
        for name in specs.keys() - self._clients.keys():
            self._clients[name] = self._create(specs[name], self._clients)
        self._specs = specs

    async def aclose(self) -> None:
        """Close all clients."""
        for client in (*self._clients.values(), *self._replaced):
            await client.aclose()
        self._replaced.clear()
