"""What is known of an MCP server before anybody speaks to it, and how long it may take for what."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec

NAME_CAP = 64  # of `server__tool`: what model APIs allow
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")


class McpServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of `command` (stdio: the argv, as it is) and `url` (streamable HTTP) is given.

    `env` is added to a scrubbed environment; `headers` go with every request. Both may hold secrets.
    """

    name: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    cwd: str | None = None
    url: str | None = None
    headers: Mapping[str, str] = {}


class McpTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, but for `pages`. Every wait for a server has its bound here or in the call's own time."""

    probe: float = 10.0  # for the answer to the first question; silence means: an older server
    opening: float = 30.0  # to start or reach the server, to agree on a revision and to read its tools
    request: float = 15.0  # one request that is no call
    grace: float = 2.0  # that the application's start waits for all servers
    call_wait: float = 2.0  # that a call waits for a connection that is being made
    goodbye: float = 1.0  # for a process to end by itself
    first_pause: float = 0.5  # before a new try, doubled with each, then a random share of it
    longest_pause: float = 30.0
    steady: float = 20.0  # a connection that lived this long was a good one
    settle: float = 0.2  # between a change and reading the tools again: many changes are read once
    refresh: float = 300.0  # between two readings without any change
    pages: int = 50  # of one list


def mcp_tool_name(server: str, tool: str) -> str:
    """`server__tool` in `[a-zA-Z0-9_-]`, at most 64 characters: what is cut is replaced by a hash of the whole."""
    name = f"{server}__{_NOT_IN_A_NAME.sub('_', tool)}"
    if len(name) <= NAME_CAP:
        return name
    return f"{name[: NAME_CAP - 9]}_{hashlib.sha256(tool.encode(errors='replace')).hexdigest()[:8]}"
