"""Warnings for tools and MCP servers that are granted the variables of the gateway in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from journeyman.agent_files.definition import LoadedAgent
from journeyman.errors import Problem
from journeyman.llm.gateway.gateway_spec import OPENAI_NAMES

_REMEDY = "give it another variable, or set LITELLM_GATEWAY_URL and LITELLM_GATEWAY_API_KEY for the models"


def grant_warnings(agents: Sequence[LoadedAgent]) -> Iterator[Problem]:
    """Yield a warning for each tool and each MCP server that is granted OPENAI_BASE_URL or OPENAI_API_KEY by name."""
    for agent in agents:
        file = str(agent.file) if agent.file else None
        tools = [(f"the tool {tool.name}", tool.policy.permissions.env) for tool in agent.spec.tools]
        servers = [(f"the MCP server {server.config.name}", server.variables) for server in agent.mcp_servers]
        for who, granted in (*tools, *servers):
            for name in OPENAI_NAMES:
                if name in granted:
                    message = f"{who} is granted {name}, which belongs to the gateway of the models"
                    yield Problem(message, file, remedy=_REMEDY, severity="warning")
