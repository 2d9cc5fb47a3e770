"""Checks of the MCP servers that agents use."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.cli.doctor.finding import CheckResult
from journeyman.settings import Settings
from journeyman.tools.mcp.isolation import NOT_COVERED

if TYPE_CHECKING:
    from journeyman.server import Application

MCP_SECONDS = 15.0  # for all servers to start and list their tools


def mcp_servers(settings: Settings, path: Path | None, *, ask: bool) -> CheckResult:
    """Check that the MCP servers can be reached and have the tools that agents name.

    `ask`: start and ask the servers; without it they are only counted. Raises ConfigurationError if the agents cannot
    be loaded.
    """
    return asyncio.run(_check(settings, path, ask))


async def _check(settings: Settings, path: Path | None, ask: bool) -> CheckResult:
    from journeyman.server import build  # 0.4 s, which the other checks need not wait for

    application = await build(settings, path, offline=False)
    try:
        servers = application.mcp.servers
        count = f"{len(servers.configs)} servers" if len(servers.configs) != 1 else "1 server"
        if not servers.configs:
            return CheckResult("mcp", "fine", "no agent uses an MCP server")
        uncovered = [f"{name}: {NOT_COVERED}" for name in await application.mcp.uncovered()]
        if not ask:
            text = "; ".join([count, *uncovered, "--network also asks them for their tools"])
            return CheckResult("mcp", "warning" if uncovered else "fine", text)
        problems = [*await _problems(application), *uncovered]
        return CheckResult("mcp", "warning" if problems else "fine", "; ".join(problems) or f"{count} with all tools")
    finally:
        await application.aclose()


async def _problems(application: Application) -> list[str]:
    """Connect to the servers, and return what is wrong with the tools of each agent."""
    await application.mcp.start(MCP_SECONDS)
    names = application.agents.agents
    return [f"{name}: {problem}" for name in names for problem in application.mcp.problems_of(name)]
