"""The outside services: what agent files say of them, defaults for the rest, and one guard for each."""

from __future__ import annotations

import random
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from journeyman.clock import Clock
from journeyman.egress.transport import Timeouts
from journeyman.resilience.guard import Guard, GuardFigures, GuardPolicy
from journeyman.resilience.rate_limit import Rate
from journeyman.resilience.signals import Hook, ignored

GATEWAY = "gateway"
_MCP = "mcp:"
_MOST_ORIGINS = 256  # guarded without being configured; the one used longest ago is forgotten
_PORTS = {"http": 80, "https": 443}
_GATEWAY_CONNECTIONS = 256
_GATEWAY_TOTAL = 900.0  # seconds: a model may write for long
_CONNECT = 10.0
_OF_POLICY = ("max_connections", "rate", "retries", "failures", "open_seconds")
_OF_TIMEOUTS = ("connect", "first_byte", "idle", "total")


class ServiceSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `services`. `match`: an origin, `gateway` or `mcp:NAME`. None: the default. Seconds."""

    name: str
    match: str
    max_connections: int | None = None
    rate: Rate | None = None
    retries: int | None = None
    connect: float | None = None
    first_byte: float | None = None
    idle: float | None = None
    total: float | None = None
    failures: int | None = None
    open_seconds: float | None = None


def origin_of(url: str) -> str:
    """`https://host[:port]` in lower case, the scheme's own port left out. Raises ValueError: no http origin."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("an origin is written like https://shop.example or http://10.0.0.7:8080")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port
    return f"{parts.scheme}://{host}" if port in (None, _PORTS[parts.scheme]) else f"{parts.scheme}://{host}:{port}"


def matched(match: str) -> str:
    """A `match` as it is compared. Raises ValueError, with a sentence."""
    if match == GATEWAY or (match.startswith(_MCP) and len(match) > len(_MCP)):
        return match
    try:
        origin = origin_of(match)
        rest = urlsplit(match)
    except ValueError as exc:
        text = "match is an origin like https://shop.example, `gateway`, or `mcp:` and a server's name"
        raise ValueError(text) from exc
    if rest.path not in ("", "/") or rest.query or rest.fragment or "@" in rest.netloc:
        raise ValueError("match is an origin alone: scheme, host and port")
    return origin


def merged_services(specs: Iterable[ServiceSpec]) -> tuple[tuple[ServiceSpec, ...], tuple[str, ...]]:
    """The services of several agents, and what contradicts: one name for two matches, two names for one.

    Where agents name the same service with different numbers, the strictest of each number holds.
    """
    by_name: dict[str, ServiceSpec] = {}
    wrong: list[str] = []
    for spec in specs:
        known = by_name.get(spec.name)
        if known is not None and known.match != spec.match:
            wrong.append(f"the service {spec.name} matches {known.match} in one agent and {spec.match} in another")
        elif known is None and (twin := _same_match(by_name, spec)) is not None:
            wrong.append(f"the services {twin.name} and {spec.name} both match {spec.match}")
        else:
            by_name[spec.name] = spec if known is None else _strictest(known, spec)
    return tuple(by_name.values()), tuple(dict.fromkeys(wrong))


def _same_match(by_name: dict[str, ServiceSpec], spec: ServiceSpec) -> ServiceSpec | None:
    return next((other for other in by_name.values() if other.match == spec.match), None)


def _strictest(one: ServiceSpec, other: ServiceSpec) -> ServiceSpec:
    changes: dict[str, object] = {}
    for name in ("max_connections", "retries", "connect", "first_byte", "idle", "total", "failures"):
        changes[name] = min((v for s in (one, other) if (v := getattr(s, name)) is not None), default=None)
    changes["open_seconds"] = max((s.open_seconds for s in (one, other) if s.open_seconds is not None), default=None)
    rates = [s.rate for s in (one, other) if s.rate is not None]
    changes["rate"] = min(rates, key=lambda rate: rate.per_second, default=None)
    return msgspec.structs.replace(one, **changes)


class Destination(msgspec.Struct, frozen=True):
    """Where calls go: its guard and the bounds of one try. `configured`: an agent file names it."""

    guard: Guard
    timeouts: Timeouts
    configured: bool = False


class Services:
    """Every destination of this process. `silence` bounds first byte and idle where nothing else is said."""

    def __init__(
        self,
        specs: Iterable[ServiceSpec] = (),
        *,
        clock: Clock,
        rng: random.Random,
        hook: Hook = ignored,
        retries: int = 3,
        silence: float = 30.0,
    ) -> None:
        self._specs = {spec.match: spec for spec in specs}
        self._clock = clock
        self._rng = rng
        self._hook = hook
        self._policy = GuardPolicy(retries=retries)
        self._timeouts = Timeouts(min(_CONNECT, silence), silence, silence, max(120.0, silence))
        self._known: dict[str, Destination] = {}  # configured ones, the gateway, MCP servers: as many as are written
        self._origins: dict[str, Destination] = {}
        self._held: set[str] = set()  # matches of the gateway

    def renew(self, specs: Iterable[ServiceSpec]) -> tuple[str, ...]:
        """Guard by these entries from now on; what they say differently begins anew, calls under way end as they are.

        Returned: what cannot be changed before a restart, since a client holds it (the gateway).
        """
        renewed = {spec.match: spec for spec in specs}
        changed = {match for match in {*renewed, *self._specs} if renewed.get(match) != self._specs.get(match)}
        held = changed & self._held
        kept = {match: spec for match, spec in self._specs.items() if match in held}
        self._specs = {match: spec for match, spec in renewed.items() if match not in held} | kept
        for match in changed - held:
            self._known.pop(match, None)
            self._origins.pop(match, None)
        return tuple(sorted(held))

    def gateway(self, url: str) -> Destination:
        """The gateway at `url`: its entry is matched by `gateway` or by its origin."""
        policy = msgspec.structs.replace(self._policy, max_connections=_GATEWAY_CONNECTIONS)
        timeouts = msgspec.structs.replace(self._timeouts, total=max(_GATEWAY_TOTAL, self._timeouts.idle))
        try:
            origin = origin_of(url)
        except ValueError:
            origin = url
        spec = self._specs.get(GATEWAY) or self._specs.get(origin)
        destination = self._made(GATEWAY, spec, policy, timeouts)
        self._known[spec.match if spec else GATEWAY] = destination
        self._held = {GATEWAY, origin}
        return destination

    def mcp(self, server: str) -> Destination:
        """An MCP server by its name in `mcp_servers`."""
        match = f"{_MCP}{server}"
        if match not in self._known:
            self._known[match] = self._made(match, self._specs.get(match), self._policy, self._timeouts)
        return self._known[match]

    def of_url(self, url: str) -> Destination:
        """The destination of an http or https URL, by its origin. Raises ValueError."""
        origin = origin_of(url)
        found = self._known.get(origin) or self._origins.get(origin)
        if found is not None:
            return found
        spec = self._specs.get(origin)
        destination = self._made(origin, spec, self._policy, self._timeouts)
        if spec is not None:
            self._known[origin] = destination
            return destination
        if len(self._origins) >= _MOST_ORIGINS:
            quiet = (name for name, each in self._origins.items() if each.guard.idle)
            del self._origins[next(quiet, next(iter(self._origins)))]
        self._origins[origin] = destination
        return destination

    def destinations(self) -> list[Destination]:
        """All that there are now."""
        return [*self._known.values(), *self._origins.values()]

    def states(self) -> dict[str, GuardFigures]:
        """Guard -> how it stands."""
        return {each.guard.name: each.guard.figures() for each in self.destinations()}

    def configured(self) -> dict[str, GuardFigures]:
        """The same of those that are written down somewhere: agents' services, the gateway, MCP servers."""
        return {each.guard.name: each.guard.figures() for each in self._known.values()}

    def is_configured(self, name: str) -> bool:
        """Whether a guard of that name is one of those. The others have as many names as the world has origins."""
        return any(each.guard.name == name for each in self._known.values())

    def open_circuits(self) -> dict[str, list[str]]:
        """Guard -> the keys whose breakers are not closed."""
        found: dict[str, list[str]] = {}
        for name, figures in self.states().items():
            keys = [key for key, breaker in figures.breakers.items() if breaker.state != "closed"]
            if keys:
                found[name] = keys
        return found

    def _made(self, name: str, spec: ServiceSpec | None, policy: GuardPolicy, timeouts: Timeouts) -> Destination:
        if spec is not None:
            name = spec.name
            policy = msgspec.structs.replace(policy, **_given(spec, _OF_POLICY))
            timeouts = msgspec.structs.replace(timeouts, **_given(spec, _OF_TIMEOUTS))
        return Destination(Guard(name, policy, self._clock, self._rng, self._hook), timeouts, spec is not None)


def _given(spec: ServiceSpec, names: Iterable[str]) -> dict[str, object]:
    return {name: value for name in names if (value := getattr(spec, name)) is not None}
