"""The `services:` entries of an agent file, as the specs from which the guards of services are built."""

from __future__ import annotations

from collections.abc import Callable

from journeyman.agent_files.document import YamlPath
from journeyman.agent_files.file_model import ServiceEntry
from journeyman.egress.services import ServiceSpec, normalized_match
from journeyman.resilience.rate_limit import parse_rate

Report = Callable[[YamlPath, str, str | None], None]  # path, message, remedy


def service_specs(entries: dict[str, ServiceEntry], report: Report) -> tuple[ServiceSpec, ...]:
    """Return the specs of all entries without problems. Problems are passed to `report`."""
    found: dict[str, ServiceSpec] = {}
    for name, entry in entries.items():
        spec = _spec(name, entry, report)
        if spec is None:
            continue
        if spec.match in found:
            other = found[spec.match].name
            message = f"the services {other} and {name} have the same match"
            report(("services", name, "match"), message, "keep one of them")
        else:
            found[spec.match] = spec
    return tuple(found.values())


def _spec(name: str, entry: ServiceEntry, report: Report) -> ServiceSpec | None:
    try:
        match = normalized_match(entry.match)
    except ValueError as exc:
        report(("services", name, "match"), f"`match` cannot be used: {exc}", "write match: https://shop.example")
        return None
    try:
        rate = parse_rate(entry.rate_limit) if entry.rate_limit else None
    except ValueError as exc:
        report(("services", name, "rate_limit"), f"`rate_limit` cannot be used: {exc}", "write 50/second")
        return None
    return ServiceSpec(
        name=name,
        match=match,
        max_connections=entry.max_connections,
        rate=rate,
        retries=entry.retries,
        connect=entry.timeout.connect,
        first_byte=entry.timeout.first_byte,
        idle=entry.timeout.idle,
        total=entry.timeout.total,
        failures=entry.breaker.failures,
        open_seconds=entry.breaker.open_seconds,
        window_seconds=entry.breaker.window_seconds,
    )
