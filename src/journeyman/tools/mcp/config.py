"""The configuration of an MCP server, and the time limits of its client."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Literal

import msgspec

NAME_CAP = 64  # characters of `server__tool`, the most that model APIs allow
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")


class McpServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How an MCP server is reached: either by `command` (stdio; the exact argv) or by `url` (streamable HTTP).

    `env` is added to a scrubbed environment; `headers` are sent with every request. Both may hold secrets.
    """

    name: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    cwd: str | None = None
    sandbox: Literal["off", "best"] = "best"  # of a command; best: in namespaces where the server's files are covered
    url: str | None = None
    headers: Mapping[str, str] = {}


class McpTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """The time limits of an MCP client in seconds. A call has its own time limit."""

    probe: float = 10.0  # for the answer to the first request; a server that does not answer it is an older one
    opening: float = 30.0  # to start or reach the server, agree on a revision and read its tools
    request: float = 15.0  # for a request that is not a call, and for all pages of a list together
    grace: float = 2.0  # for which the application's start waits for all servers
    call_wait: float = 2.0  # for which a call waits for a connection that is being opened
    exit: float = 1.0  # for a process to end by itself
    first_pause: float = 0.5  # before the second attempt to connect; doubled with each attempt, then jittered
    longest_pause: float = 30.0
    stable: float = 20.0  # after which a connection counts as good, and pauses start again at the first one
    debounce: float = 0.2  # between a change and reading the tools again, so that many changes are read once
    refresh: float = 300.0  # between two readings of the tools if no change is announced


def mcp_tool_name(server: str, tool: str, *, hashed: bool = False) -> str:
    """Return `server__tool` in `[a-zA-Z0-9_-]`. A name of more than 64 characters is cut and ends in a hash.

    `hashed`: a shorter name ends in that hash, too. It is a hash of `tool`, the server's own name for the tool.
    """
    name = f"{server}__{_NOT_IN_A_NAME.sub('_', tool)}"
    if len(name) <= NAME_CAP and not hashed:
        return name
    return f"{name[: NAME_CAP - 9]}_{hashlib.sha256(tool.encode(errors='replace')).hexdigest()[:8]}"
