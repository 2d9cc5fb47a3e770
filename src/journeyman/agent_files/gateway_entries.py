"""The `gateways:` entries of agent files, and the check that each gateway that an agent names exists. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from journeyman.agent_files.document import Document, YamlPath
from journeyman.agent_files.file_model import GatewayEntry
from journeyman.agent_files.variables import Expansion
from journeyman.errors import Problem
from journeyman.llm.gateway.address import check_credentials, check_url
from journeyman.llm.gateway.gateway_spec import GatewaySpec, SettingNames

DEFAULT_GATEWAY = "default"  # in agent files, the gateway of the settings
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OWN_HEADERS = ("accept-encoding", "connection", "content-length", "content-type", "host", "traceparent", "user-agent")

Report = Callable[[YamlPath, str, str | None], None]  # path, message, remedy


class GatewayUse(NamedTuple):
    """The name of a gateway in a `model`, with its position in the file."""

    gateway: str
    file: str | None
    line: int | None
    column: int | None

    @classmethod
    def at(cls, path: YamlPath, gateway: str, document: Document) -> GatewayUse:
        """Return the name that stands at this path of the document."""
        line, column = document.location(path) or (None, None)
        return cls(gateway, document.file, line, column)


class HasGateways(Protocol):
    """A loaded agent, as these checks need it."""

    @property
    def gateways(self) -> tuple[GatewaySpec, ...]: ...

    @property
    def gateway_uses(self) -> tuple[GatewayUse, ...]: ...

    @property
    def file(self) -> object: ...


def gateway_specs(entries: dict[str, GatewayEntry], expansion: Expansion, report: Report) -> tuple[GatewaySpec, ...]:
    """Return the gateways of one file. Problems are passed to `report`."""
    for name, entry in entries.items():
        for path, message, remedy in _entry_problems(name, entry, expansion):
            report(("gateways", name, *path), message, remedy)
    return tuple(
        GatewaySpec(
            name=name,
            url=entry.url,
            key=entry.key or "",
            header=entry.header or "",
            query=entry.query or "",
            setting_names=SettingNames(f"gateways.{name}.url", f"gateways.{name}.key"),
        )
        for name, entry in entries.items()
    )


def gateway_problems(agents: Sequence[HasGateways], *, complete: bool = True) -> Iterator[Problem]:
    """Yield a problem for each gateway that two files define differently, and for each unknown one.

    With `complete=False`, other agents could not be loaded, so unknown names are not reported.
    """
    first: dict[str, tuple[GatewaySpec, HasGateways]] = {}
    for agent in agents:
        for gateway in agent.gateways:
            known, other = first.setdefault(gateway.name, (gateway, agent))
            if known != gateway:
                message = f"the gateway {gateway.name} is defined differently in {other.file}"
                yield Problem(message, str(agent.file), remedy="define both alike, or rename one")
    for use in (use for agent in agents for use in agent.gateway_uses if complete):
        if use.gateway not in first:
            close = difflib.get_close_matches(use.gateway, first, n=1)
            remedy = f"did you mean {close[0]}?" if close else "define it under `gateways`"
            yield Problem(f"the gateway {use.gateway} is unknown", use.file, use.line, use.column, remedy)


def _entry_problems(
    name: str, entry: GatewayEntry, expansion: Expansion
) -> Iterator[tuple[tuple[str, ...], str, str | None]]:
    if name == DEFAULT_GATEWAY:
        yield (), "the gateway's name cannot be default, which is the one of LITELLM_GATEWAY_URL", "rename it"
    try:
        check_url(entry.url)
        check_credentials(entry.url, None if entry.header or entry.query else entry.key)
    except ValueError as exc:
        yield ("url",), "the gateway's `url` cannot be used", str(exc)
    if entry.key and ("gateways", name, "key") not in expansion.written:
        yield ("key",), "the gateway's `key` is not a variable", "put it into the environment and write ${NAME} here"
    if entry.key and not (entry.key.isascii() and entry.key.isprintable()):
        yield ("key",), "the gateway's `key` has characters that cannot be sent", "set a valid key"
    if entry.header and entry.query:
        yield ("query",), "the key is sent in one place", "write `header` or `query`"
    if entry.header and (not _HEADER.fullmatch(entry.header) or entry.header.lower() in _OWN_HEADERS):
        yield ("header",), f"the header {entry.header[:60]!r} cannot carry a key", "name another, such as api-key"
    if (entry.header or entry.query) and entry.key is None:
        yield (), "`header` and `query` say where the `key` is sent, but there is none", "add `key: ${NAME}`"
