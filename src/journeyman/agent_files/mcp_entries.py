"""The `mcp_servers:` entries of an agent file, and the definition once the tools of its servers are known."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from journeyman.agent_files.file_model import McpServerEntry, ToolEntry
from journeyman.agent_files.tool_overrides import SchemaOverrideCheck, override_tool
from journeyman.agents.spec import AgentSpec
from journeyman.tools.mcp.config import McpServerConfig, mcp_tool_name
from journeyman.tools.mcp.listing import McpTool, unknown_tool
from journeyman.tools.spec import ToolSpec

_NAME = re.compile(r"[a-z0-9-]+(?:_[a-z0-9-]+)*")
_NAME_CAP = 32
MAX_TOOLS_OF_MODELS = 128  # that one request to most models may have
_RESERVED = ("accept", "content-type", "content-length", "host", "last-event-id", "transfer-encoding")
_INTERPRETER = re.compile(r"python[0-9.]*|node|bun|ruby|sh|bash")
_SCRIPT = re.compile(r"[^-].*\.(?:py|js|cjs|mjs|ts|rb|sh)")
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

EntryProblem = tuple[tuple[str, ...], str, str]  # path within the entry, message, remedy


@dataclass(frozen=True, kw_only=True)
class McpServerUse:
    """An MCP server as one agent uses it.

    `named` are the server's own names of the tools that the agent has, None: all. `entries` override some of the tools,
    by their registered names.
    `variables` are the names of the environment variables that it is given; `references` are those whose values it
    is given, by `${NAME}` in its entry.
    """

    config: McpServerConfig
    named: tuple[str, ...] | None = None
    timeout_seconds: float | None = None
    entries: Mapping[str, ToolEntry] = field(default_factory=dict)
    variables: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()

    @property
    def prefix(self) -> str:
        """How the full names of its tools begin."""
        return f"{self.config.name}__"


def server_use(
    name: str,
    entry: McpServerEntry,
    entries: Mapping[str, ToolEntry],
    folder: Path | None,
    referenced: Collection[str] = (),
) -> McpServerUse:
    """Return the server that `entry` describes. `entries` are the agent's overrides of its tools.

    `referenced` are the environment variables that the entry refers to.
    """
    config = McpServerConfig(
        name=name,
        command=tuple(entry.command or ()),
        env=entry.env,
        cwd=str((folder or Path()) / (entry.cwd or ".")),
        sandbox=entry.sandbox,
        url=entry.url,
        headers=entry.headers,
    )
    named = None if entry.tools is None else tuple(entry.tools)
    return McpServerUse(
        config=config,
        named=named,
        timeout_seconds=entry.timeout_seconds,
        entries=entries,
        variables=frozenset((*entry.env, *referenced)),
        references=frozenset(referenced),
    )


def server_problems(name: str, entry: McpServerEntry, folder: Path | None, path: str | None) -> list[EntryProblem]:
    """Return all problems of a server's entry that can be found without the network."""
    found: list[EntryProblem] = []
    if len(name) > _NAME_CAP or not _NAME.fullmatch(name):
        remedy = f"use a-z, 0-9, - and single _ between them, at most {_NAME_CAP} characters"
        found.append(((), f"the MCP server's name {name[:60]!r} cannot be used", remedy))
    if (entry.command is None) == (entry.url is None):
        found.append(((), "an MCP server has either a `command` or a `url`", "write one of the two"))
    if entry.url is not None:
        found += _url_problems(entry)
    elif entry.command:
        found += _command_problems(entry, entry.command[0], folder or Path(), path)
    return found


def with_mcp_tools(
    spec: AgentSpec,
    servers: Sequence[McpServerUse],
    listings: Mapping[str, Mapping[str, McpTool]],
    schema_overrides: SchemaOverrideCheck,
) -> tuple[AgentSpec, list[str]]:
    """Return the definition with the tools that its servers list now, and the problems of the agent's entries.

    A server without a listing was not reached yet: the tools that the agent overrides are replaced by ones that are not
    available. Tools that a server was found to lack are problems, and the agent does not have them.
    """
    prefixes = tuple(server.prefix for server in servers)
    tools = [tool for tool in spec.tools if not tool.name.startswith(prefixes)] if prefixes else list(spec.tools)
    problems: list[str] = []
    for server in servers:
        listed = listings.get(server.config.name)
        if listed is not None:
            problems += _lacking(server, listed)
        tools += _tools_of(server, listed, schema_overrides, problems)
    return msgspec.structs.replace(spec, tools=tuple(tools)), problems


def tool_count_problem(spec: AgentSpec) -> str | None:
    """Return the problem of an agent with more tools than most models accept. None: it has no such problem."""
    if len(spec.tools) <= MAX_TOOLS_OF_MODELS:
        return None
    return f"{spec.name} has {len(spec.tools)} tools, and most models accept at most {MAX_TOOLS_OF_MODELS}"


def _lacking(server: McpServerUse, listed: Mapping[str, McpTool]) -> list[str]:
    """Return a sentence about each tool that the agent names and the server does not have."""
    name = server.config.name
    found = [
        f"the MCP server {name} has no tool {tool[:200]!r}, which `mcp_servers.{name}.tools` names"
        for tool in server.named or ()
        if _registered(server, tool, listed) is None
    ]
    overridden = [tool for tool in server.entries if tool not in listed]
    return [*found, *(f"the MCP server {name} has no tool {tool!r}, which `tools` names" for tool in overridden)]


def _registered(server: McpServerUse, tool: str, listed: Mapping[str, McpTool]) -> str | None:
    """Return the registered name of the tool that the agent names; None if the server has no such tool."""
    own = next((name for name, each in listed.items() if each.own_name == tool), None)
    name = mcp_tool_name(server.config.name, tool)
    return own or (name if name in listed else None)


def _chosen(server: McpServerUse, listed: Mapping[str, McpTool]) -> list[str]:
    """Return the names of the listed tools that the agent has, in the order of the listing."""
    if server.named is None:
        return list(listed)
    names = {_registered(server, tool, listed) for tool in server.named} | set(server.entries)
    return [name for name in listed if name in names]


def _tools_of(
    server: McpServerUse,
    listed: Mapping[str, McpTool] | None,
    schema_overrides: SchemaOverrideCheck,
    problems: list[str],
) -> list[ToolSpec]:
    """Return the server's tools as the agent has them. `listed` is None if the server was not reached yet."""
    tools = []
    for name in server.entries if listed is None else _chosen(server, listed):
        spec = unknown_tool(name, server.config.name) if listed is None else listed[name].spec
        if server.timeout_seconds is not None:
            spec = spec.with_policy(timeout_seconds=server.timeout_seconds)
        entry = server.entries.get(name)
        if entry is not None:
            if listed is None:  # its arguments are not known yet, so their overrides cannot be checked
                entry = entry.model_copy(update={"arguments": None, "required": None})
            spec, found = override_tool(spec, entry, schema_overrides)
            problems += [f"{name}: {problem.message}" for problem in found if problem.severity == "error"]
        tools.append(spec)
    return tools


def _url_problems(entry: McpServerEntry) -> list[EntryProblem]:
    found: list[EntryProblem] = []
    try:
        parts = urlsplit(entry.url or "")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        usable = False
    if not usable:
        found.append((("url",), "the `url` is no http or https address", "write https://HOST/PATH, without user"))
    found += [((key,), f"`{key}` belongs to a `command`", "remove it") for key in ("env", "cwd") if getattr(entry, key)]
    if "sandbox" in entry.model_fields_set:
        found.append((("sandbox",), "`sandbox` belongs to a `command`", "remove it"))
    for name, value in entry.headers.items():
        reserved = name.lower() in _RESERVED or name.lower().startswith("mcp-")
        if reserved or not _HEADER.fullmatch(name) or not value.isprintable():
            found.append((("headers", name), f"the header {name[:60]!r} cannot be sent", "remove or correct it"))
    return found


def _command_problems(entry: McpServerEntry, program: str, folder: Path, path: str | None) -> list[EntryProblem]:
    found: list[EntryProblem] = []
    if entry.headers:
        found.append((("headers",), "`headers` belong to a `url`", "remove them"))
    try:
        root = folder.resolve()
        cwd = (root / (entry.cwd or ".")).resolve()
        if not cwd.is_relative_to(root) or not cwd.is_dir():
            raise ValueError
    except (OSError, ValueError):
        return [*found, (("cwd",), "`cwd` is no folder within that of the agent file", "name one below the agent file")]
    found += _program_problems(entry.command or [program], cwd, path)
    return found


def _program_problems(command: Sequence[str], cwd: Path, path: str | None) -> list[EntryProblem]:
    """Return the problem of a command whose program, or whose script for an interpreter, is not there."""
    program = command[0]
    if shutil.which(program, path=path) is None and shutil.which(str(cwd / program)) is None:
        if (cwd / program).is_file():
            remedy = f"chmod +x {program[:100]}, or name the interpreter before it"
            return [(("command",), f"the command {program[:100]} may not be executed", remedy)]
        return [(("command",), f"the command {program[:100]} is not found", "install it, or write its whole path")]
    script = command[1] if len(command) > 1 and _INTERPRETER.fullmatch(Path(program).name) else ""
    if _SCRIPT.fullmatch(script) and not (cwd / script).is_file():
        remedy = f"correct it; relative paths count from {cwd}"
        return [(("command",), f"the script {script[:100]} is not found", remedy)]
    return []
