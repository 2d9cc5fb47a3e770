"""The external services of a process: their limits from agent files or defaults, and one guard for each."""

from __future__ import annotations

import random
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from journeyman.clock import Clock
from journeyman.egress.transport import Timeouts
from journeyman.resilience.guard import Guard, GuardFigures, GuardPolicy
from journeyman.resilience.rate_limit import Rate
from journeyman.resilience.signals import Hook, ignore_signal

GATEWAY = "gateway"
_NAMED_GATEWAY = "gateway:"
_MCP = "mcp:"
_MAX_UNCONFIGURED = 256  # guards of origins that are not configured; beyond that, an idle one is dropped
_DEFAULT_PORTS = {"http": 80, "https": 443}
_GATEWAY_CONNECTIONS = 256
_GATEWAY_TOTAL = 900.0  # seconds: a model may write for a long time
_TOTAL = 120.0
_WINDOW = 300.0  # in which failures open a breaker: time for five calls that time out one after the other
_CONNECT = 10.0
_POLICY_FIELDS = ("max_connections", "rate", "retries", "failures", "open_seconds", "window_seconds")
_TIMEOUT_FIELDS = ("connect", "first_byte", "idle", "total")


class ServiceSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of `services` in an agent file.

    `match` is an origin, `gateway`, `gateway:NAME` or `mcp:NAME`. A field that is None has its default; times are in
    seconds.
    """

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
    window_seconds: float | None = None


def origin_of(url: str) -> str:
    """Return the origin of a URL in lower case, without the default port of its scheme.

    Raises:
        ValueError: The text is no http or https URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("an origin is written like https://shop.example or http://10.0.0.7:8080")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    origin = f"{parts.scheme}://{host}"
    return origin if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{origin}:{parts.port}"


def normalized_match(match: str) -> str:
    """Return the `match` of a service in the form in which it is compared.

    Raises:
        ValueError: It is neither an origin, `gateway`, `gateway:NAME` nor `mcp:NAME`.
    """
    if match == GATEWAY or any(match.startswith(kind) and match != kind for kind in (_NAMED_GATEWAY, _MCP)):
        return match
    try:
        origin = origin_of(match)
        rest = urlsplit(match)
    except ValueError as exc:
        text = "match is an origin like https://shop.example, `gateway`, or `gateway:` or `mcp:` and a name"
        raise ValueError(text) from exc
    if rest.path not in ("", "/") or rest.query or rest.fragment or "@" in rest.netloc:
        raise ValueError("match is an origin alone: scheme, host and port")
    return origin


def merged_services(specs: Iterable[ServiceSpec]) -> tuple[tuple[ServiceSpec, ...], tuple[str, ...]]:
    """Merge the services of several agents. Returns the services, and a sentence for each contradiction.

    If agents give a service different limits, the strictest value of each limit applies. It is a contradiction if a
    name has two matches, or a match has two names.
    """
    by_name: dict[str, ServiceSpec] = {}
    contradictions: list[str] = []
    for spec in specs:
        known = by_name.get(spec.name)
        if known is not None and known.match != spec.match:
            contradictions.append(
                f"the service '{spec.name}' matches {known.match} in one agent and {spec.match} in another"
            )
        elif known is None and (other := _same_match(by_name, spec)) is not None:
            contradictions.append(f"the services '{other.name}' and '{spec.name}' both match {spec.match}")
        else:
            by_name[spec.name] = spec if known is None else _strictest(known, spec)
    return tuple(by_name.values()), tuple(dict.fromkeys(contradictions))


def _same_match(by_name: dict[str, ServiceSpec], spec: ServiceSpec) -> ServiceSpec | None:
    return next((other for other in by_name.values() if other.match == spec.match), None)


def _strictest(one: ServiceSpec, other: ServiceSpec) -> ServiceSpec:
    changes: dict[str, object] = {}
    for name in ("max_connections", "retries", "connect", "first_byte", "idle", "total", "failures"):
        changes[name] = min((v for s in (one, other) if (v := getattr(s, name)) is not None), default=None)
    for name in ("open_seconds", "window_seconds"):
        changes[name] = max((v for s in (one, other) if (v := getattr(s, name)) is not None), default=None)
    rates = [s.rate for s in (one, other) if s.rate is not None]
    changes["rate"] = min(rates, key=lambda rate: rate.per_second, default=None)
    return msgspec.structs.replace(one, **changes)


class Destination(msgspec.Struct, frozen=True):
    """A service as calls use it: its guard and the timeouts of one attempt.

    `configured` means that an agent file names it.
    """

    guard: Guard
    timeouts: Timeouts
    configured: bool = False


class Services:
    """All destinations of a process. `idle_seconds` is the default limit until the first byte and between bytes.

    `first_rate` are the calls a second to a gateway after a start with open runs, an outage or a 429.
    """

    def __init__(
        self,
        specs: Iterable[ServiceSpec] = (),
        *,
        clock: Clock,
        rng: random.Random,
        hook: Hook = ignore_signal,
        retries: int = 3,
        idle_seconds: float = 30.0,
        first_rate: float = 20.0,
    ) -> None:
        self._specs = {spec.match: spec for spec in specs}
        self._clock = clock
        self._rng = rng
        self._hook = hook
        self._first_rate = first_rate
        self._policy = GuardPolicy(retries=retries, window_seconds=max(_WINDOW, 10 * idle_seconds))
        self._timeouts = Timeouts(min(_CONNECT, idle_seconds), idle_seconds, idle_seconds, max(_TOTAL, idle_seconds))
        self._named: dict[str, Destination] = {}  # configured services, the gateway and MCP servers, by match
        self._unconfigured: dict[str, Destination] = {}  # by origin
        self._fixed: set[str] = set()  # matches of the gateways, whose clients keep their destination

    def renew(self, specs: Iterable[ServiceSpec]) -> tuple[str, ...]:
        """Use these entries from now on; a service whose entry changed gets a new guard.

        Calls in progress end under the old guard. Returns the matches whose change needs a restart, since a client
        keeps the destination (a gateway).
        """
        renewed = {spec.match: spec for spec in specs}
        changed = {match for match in {*renewed, *self._specs} if renewed.get(match) != self._specs.get(match)}
        fixed = changed & self._fixed
        kept = {match: spec for match, spec in self._specs.items() if match in fixed}
        self._specs = {match: spec for match, spec in renewed.items() if match not in fixed} | kept
        for match in changed - fixed:
            self._named.pop(match, None)
            self._unconfigured.pop(match, None)
        return tuple(sorted(fixed))

    def gateway(self, url: str, name: str = "") -> Destination:
        """Return the destination of the gateway at `url`, which has this name in `gateways`.

        Its entry matches `gateway:NAME` (`gateway` without a name), or the origin of `url`, which several gateways may
        share.
        """
        match = f"{_NAMED_GATEWAY}{name}" if name else GATEWAY
        try:
            origin = origin_of(url)
        except ValueError:
            origin = url
        spec = self._specs.get(match) or self._specs.get(origin)
        if spec is None or spec.match not in self._fixed or spec.match not in self._named:
            policy = msgspec.structs.replace(
                self._policy,
                max_connections=_GATEWAY_CONNECTIONS,
                waits_for_slot=True,
                paced=True,
                first_rate=self._first_rate,
            )
            timeouts = msgspec.structs.replace(self._timeouts, total=max(_GATEWAY_TOTAL, self._timeouts.idle))
            self._named[spec.match if spec else match] = self._create(match, spec, policy, timeouts)
        self._fixed |= {match, origin}
        return self._named[spec.match if spec else match]

    def begin_slowly(self) -> None:
        """Pace the calls to the gateways from now on, since many runs go on at the same time after a start."""
        for match in self._named.keys() & self._fixed:
            self._named[match].guard.begin_slowly()

    def mcp(self, server: str) -> Destination:
        """Return the destination of an MCP server, given its name in `mcp_servers`."""
        match = f"{_MCP}{server}"
        if match not in self._named:
            self._named[match] = self._create(match, self._specs.get(match), self._policy, self._timeouts)
        return self._named[match]

    def of_url(self, url: str) -> Destination:
        """Return the destination of a URL, by its origin.

        Raises:
            ValueError: The text is no http or https URL.
        """
        origin = origin_of(url)
        found = self._named.get(origin) or self._unconfigured.get(origin)
        if found is not None:
            return found
        spec = self._specs.get(origin)
        destination = self._create(origin, spec, self._policy, self._timeouts)
        if spec is not None:
            self._named[origin] = destination
            return destination
        if len(self._unconfigured) >= _MAX_UNCONFIGURED:
            idle = (name for name, each in self._unconfigured.items() if each.guard.idle)
            del self._unconfigured[next(idle, next(iter(self._unconfigured)))]
        self._unconfigured[origin] = destination
        return destination

    def destinations(self) -> list[Destination]:
        """Return all destinations that were used so far."""
        return [*self._named.values(), *self._unconfigured.values()]

    def configured(self) -> dict[str, GuardFigures]:
        """Return the figures of the configured services, the gateway and the MCP servers, by guard name."""
        return {each.guard.name: each.guard.figures() for each in self._named.values()}

    def is_configured(self, name: str) -> bool:
        """Return whether the guard of this name is in `configured`. The number of other names is unbounded."""
        return any(each.guard.name == name for each in self._named.values())

    def _create(self, name: str, spec: ServiceSpec | None, policy: GuardPolicy, timeouts: Timeouts) -> Destination:
        if spec is not None:
            name = spec.name
            policy = msgspec.structs.replace(policy, **_set_fields(spec, _POLICY_FIELDS))
            timeouts = msgspec.structs.replace(timeouts, **_set_fields(spec, _TIMEOUT_FIELDS))
        return Destination(Guard(name, policy, self._clock, self._rng, self._hook), timeouts, spec is not None)


def _set_fields(spec: ServiceSpec, names: Iterable[str]) -> dict[str, object]:
    return {name: value for name in names if (value := getattr(spec, name)) is not None}
