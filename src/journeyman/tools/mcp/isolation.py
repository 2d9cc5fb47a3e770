"""How the process of an MCP server is kept from the server's own files, and how that is shown."""

from __future__ import annotations

from typing import Literal

from journeyman.events.messages import JSON
from journeyman.tools.mcp.config import McpServerConfig
from journeyman.tools.sandbox.detection import AvailableIsolation

NOT_COVERED = (
    "it can read the server's journal and keys, since this machine gives its process no namespaces; allow user "
    "namespaces, or accept it with `sandbox: off`"
)

ServerLevel = Literal["covered", "none", "remote"]


def server_level(config: McpServerConfig, isolation: AvailableIsolation) -> ServerLevel:
    """Return what a server finds of the journal and keys: nothing, all that the user may read, or it is elsewhere."""
    if config.url is not None:
        return "remote"
    return "covered" if config.sandbox == "best" and isolation.namespaces else "none"


def describe_server_isolation(config: McpServerConfig, isolation: AvailableIsolation | None) -> dict[str, JSON]:
    """Return how a server is isolated, as JSON. Empty: that needs the means of the machine, which are not known yet."""
    if isolation is None and config.url is None and config.sandbox == "best":
        return {}
    return {"sandbox": config.sandbox, "level": server_level(config, isolation or AvailableIsolation())}
