"""The MCP servers of an agent: what its file says of them, and its definition once their tools are known. Pure."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from journeyman.agent_files.file_model import McpServerEntry, ToolEntry
from journeyman.agent_files.tool_overrides import SchemaOverrideCheck, override_tool
from journeyman.agents.spec import AgentSpec
from journeyman.tools.mcp.config import McpServerConfig, mcp_tool_name
from journeyman.tools.mcp.listing import unknown_tool
from journeyman.tools.spec import ToolSpec

_NAME = re.compile(r"[a-z0-9-]+(?:_[a-z0-9-]+)*")
_NAME_CAP = 32
_OURS = ("accept", "content-type", "content-length", "host", "last-event-id", "transfer-encoding")
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

Finding = tuple[tuple[str, ...], str, str]  # path within the entry, message, remedy


@dataclass(frozen=True, kw_only=True)
class McpServerUse:
    """One server as one agent has it. `allowed` None: all its tools; `entries` override some of them, by full name."""

    config: McpServerConfig
    allowed: frozenset[str] | None = None
    timeout_seconds: float | None = None
    entries: Mapping[str, ToolEntry] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return f"{self.config.name}__"


def mount_of(name: str, entry: McpServerEntry, entries: Mapping[str, ToolEntry], folder: Path | None) -> McpServerUse:
    config = McpServerConfig(
        name=name,
        command=tuple(entry.command or ()),
        env=entry.env,
        cwd=str((folder or Path()) / (entry.cwd or ".")),
        url=entry.url,
        headers=entry.headers,
    )
    allowed = None if entry.tools is None else frozenset(mcp_tool_name(name, tool) for tool in entry.tools)
    return McpServerUse(config=config, allowed=allowed, timeout_seconds=entry.timeout_seconds, entries=entries)


def findings_of(name: str, entry: McpServerEntry, folder: Path | None, path: str | None) -> list[Finding]:
    """Everything wrong with a server's entry that can be seen without the network."""
    found: list[Finding] = []
    if len(name) > _NAME_CAP or not _NAME.fullmatch(name):
        remedy = f"use a-z, 0-9, - and single _ between them, at most {_NAME_CAP} characters"
        found.append(((), f"the MCP server's name {name[:60]!r} cannot be used", remedy))
    if (entry.command is None) == (entry.url is None):
        found.append(((), "an MCP server has either a `command` or a `url`", "write one of the two"))
    if entry.url is not None:
        found += _of_http(entry)
    elif entry.command:
        found += _of_command(entry, entry.command[0], folder or Path(), path)
    return found


def mounted(
    spec: AgentSpec,
    mounts: Sequence[McpServerUse],
    listings: Mapping[str, Mapping[str, ToolSpec]],
    schema_overrides: SchemaOverrideCheck,
) -> tuple[AgentSpec, list[str]]:
    """The definition with what its servers show now, and what cannot be applied to it.

    A tool that the agent names and its server does not show has a stand-in.
    """
    prefixes = tuple(mount.prefix for mount in mounts)
    tools = [tool for tool in spec.tools if not tool.name.startswith(prefixes)] if prefixes else list(spec.tools)
    problems: list[str] = []
    for mount in mounts:
        tools += _tools_of(mount, listings.get(mount.config.name, {}), schema_overrides, problems)
    return msgspec.structs.replace(spec, tools=tuple(tools)), problems


def _tools_of(
    mount: McpServerUse, shown: Mapping[str, ToolSpec], schema_overrides: SchemaOverrideCheck, problems: list[str]
) -> list[ToolSpec]:
    tools = []
    names = [name for name in shown if mount.allowed is None or name in mount.allowed or name in mount.entries]
    for name in dict.fromkeys([*names, *mount.entries]):
        spec = shown.get(name) or unknown_tool(name, mount.config.name)
        if mount.timeout_seconds is not None:
            spec = spec.with_policy(timeout_seconds=mount.timeout_seconds)
        entry = mount.entries.get(name)
        if entry is not None:
            if name not in shown:  # its arguments are not known yet, so nothing can be said against these
                entry = entry.model_copy(update={"arguments": None, "required": None})
            spec, findings = override_tool(spec, entry, schema_overrides)
            problems += [f"{name}: {finding.message}" for finding in findings if finding.severity == "error"]
        tools.append(spec)
    return tools


def _of_http(entry: McpServerEntry) -> list[Finding]:
    found: list[Finding] = []
    try:
        parts = urlsplit(entry.url or "")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        usable = False
    if not usable:
        found.append((("url",), "the `url` is no http or https address", "write https://HOST/PATH, without user"))
    found += [((key,), f"`{key}` belongs to a `command`", "remove it") for key in ("env", "cwd") if getattr(entry, key)]
    for name, value in entry.headers.items():
        reserved = name.lower() in _OURS or name.lower().startswith("mcp-")
        if reserved or not _HEADER.fullmatch(name) or not value.isprintable():
            found.append((("headers", name), f"the header {name[:60]!r} cannot be sent", "remove or correct it"))
    return found


def _of_command(entry: McpServerEntry, program: str, folder: Path, path: str | None) -> list[Finding]:
    found: list[Finding] = []
    if entry.headers:
        found.append((("headers",), "`headers` belong to a `url`", "remove them"))
    try:
        root = folder.resolve()
        cwd = (root / (entry.cwd or ".")).resolve()
        if not cwd.is_relative_to(root) or not cwd.is_dir():
            raise ValueError
    except (OSError, ValueError):
        return [*found, (("cwd",), "`cwd` is no folder within the agent's", "name one below the agent file")]
    if shutil.which(program, path=path) is None and shutil.which(str(cwd / program)) is None:
        remedy = "install it, or write its whole path"
        found.append((("command",), f"the command {program[:100]} is not there", remedy))
    return found
