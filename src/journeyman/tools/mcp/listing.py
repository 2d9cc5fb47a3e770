"""Converts a server's list of tools to specs. The list is untrusted: its texts are cut, cleaned and checked. Pure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from journeyman.errors import ToolError
from journeyman.events.messages import JSON, valid_text
from journeyman.tools.mcp.config import mcp_tool_name
from journeyman.tools.mcp.parameter_headers import Mirrored, mirrored
from journeyman.tools.schema.arguments import CodeCheck, SchemaCheck, check_for_schema
from journeyman.tools.spec import ToolSpec

MAX_NAME = 200  # characters of a tool's name on its server
MAX_DESCRIPTION = 2000  # characters of a description, or of any text in a schema
MAX_SCHEMA = 32 * 1024  # bytes
MAX_DEPTH = 20
# Control characters and invisible ones: zero-width, direction marks, tags.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


class McpTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool of an MCP server. `own_name`: its name on the server."""

    own_name: str
    spec: ToolSpec
    check: CodeCheck
    mirrored: Mirrored = {}


class Listing(msgspec.Struct, frozen=True):
    """The tools of a server. `refused`: sentences about those that cannot be used."""

    tools: dict[str, McpTool] = {}  # by name in this server process: `server__tool`
    refused: tuple[str, ...] = ()


def listing_of(server: str, described: Sequence[JSON], cut: str = "") -> Listing:
    """Read the tools that a server describes; those that cannot be used are refused one by one.

    `cut`: a sentence about those that were not read.
    """
    tools: dict[str, McpTool] = {}
    refused: list[str] = []
    names = _names(server, described)
    for entry in described:
        try:
            tool = _tool(server, entry, names)
        except (ValueError, ToolError, RecursionError) as exc:
            refused.append(f"{_shown(entry)}: {str(exc)[:300]}")
            continue
        if tool.spec.name in tools:
            refused.append(f"{_shown(entry)}: another tool has the name {tool.spec.name} already")
        else:
            tools[tool.spec.name] = tool
    if cut:
        refused.append(cut)
    return Listing(dict(sorted(tools.items())), tuple(refused))


def unknown_tool(name: str, server: str) -> ToolSpec:
    """Return a placeholder for a tool that an agent names and its server has not listed yet."""
    text = f"A tool of the MCP server {server}, which is not available now."
    return ToolSpec(name=name, description=text, parameters={"type": "object"}, source=f"MCP server {server}")


def _names(server: str, described: Sequence[JSON]) -> dict[str, str]:
    """Return the registered name of each tool by the server's own name for it.

    Own names that would be registered as the same name get a hash, except for the one that needs no change. So the
    names do not depend on the order of the list.
    """
    own_names = {name for entry in described if (name := _own_name(entry)) is not None}
    counts = Counter(mcp_tool_name(server, name) for name in own_names)
    return {
        name: mcp_tool_name(server, name, hashed=counts[plain] > 1 and plain != f"{server}__{name}")
        for name in own_names
        if (plain := mcp_tool_name(server, name))
    }


def _own_name(entry: JSON) -> str | None:
    """Return the server's own name for a tool; None if it has no usable name."""
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) and 0 < len(name) <= MAX_NAME else None


def _tool(server: str, entry: JSON, names: Mapping[str, str]) -> McpTool:
    own_name = _own_name(entry)
    if own_name is None or not isinstance(entry, dict):
        raise ValueError("it has no usable name")
    parameters = _schema(entry.get("inputSchema"))
    description = entry.get("description") or entry.get("title") or ""
    text = _clean(description if isinstance(description, str) else "")
    spec = ToolSpec(
        name=names[own_name],
        description=text,
        parameters=parameters,
        source=f"MCP server {server}",
        code_hash=_hash([server, own_name, text, parameters]),
    )
    check = check_for_schema(spec.name, parameters)
    if isinstance(check, SchemaCheck):
        check.refuse_if_costly()
    return McpTool(own_name=own_name, spec=spec, check=check, mirrored=mirrored(parameters))


def _schema(given: JSON) -> dict[str, JSON]:
    if not isinstance(given, dict):
        raise ValueError("its inputSchema is no object")
    schema: dict[str, JSON] = _cleaned(given, MAX_DEPTH)
    if len(msgspec.json.encode(schema)) > MAX_SCHEMA:
        raise ValueError(f"its inputSchema is larger than {MAX_SCHEMA} bytes")
    if schema.setdefault("type", "object") != "object":
        raise ValueError("its inputSchema is not of type object")
    return schema


def _cleaned(value: Any, depth: int) -> Any:
    """Return a copy whose texts are cleaned and cut. Raises ValueError if it is nested too deep."""
    if depth == 0:
        raise ValueError(f"its inputSchema is nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        return {_clean(key): _cleaned(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner, depth - 1) for inner in value]
    return _clean(value) if isinstance(value, str) else value


def _clean(text: str) -> str:
    """Remove invisible characters from a text and cut it."""
    clean = _HIDDEN.sub("", valid_text(text))
    return clean if len(clean) <= MAX_DESCRIPTION else f"{clean[:MAX_DESCRIPTION]}…"


def _shown(entry: JSON) -> str:
    """Return what to call a listed tool in a sentence."""
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"the tool {_clean(str(name))[:80]!r}" if name else "a tool"


def _hash(value: JSON) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:16]
