"""Problems of tools and MCP servers that are granted variables of the server itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from journeyman.agent_files.definition import LoadedAgent
from journeyman.environment import Environment
from journeyman.errors import Problem
from journeyman.llm.gateway.gateway_spec import OPENAI_NAMES
from journeyman.settings import Settings
from journeyman.tools.registry import RegisteredTool

_SECRET_NAMES = sorted(Settings.secret_names() - {*OPENAI_NAMES})
_SECRET_REMEDY = "put the value that it needs into a variable of another name"
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


def secret_grants(tools: Mapping[str, RegisteredTool], agents: Sequence[LoadedAgent]) -> Iterator[Problem]:
    """Yield an error for each tool that is granted a secret setting of the server, in its code or by an agent file, and
    for each MCP server that is given the value of one."""
    for tool in tools.values():
        yield from _secrets(f"the tool {tool.spec.name}", tool.spec.policy.permissions.env, tool.spec.source)
    for agent in agents:
        file = str(agent.file) if agent.file else None
        for spec in agent.spec.tools:
            in_code = tools[spec.name].spec.policy.permissions.env if spec.name in tools else ()
            granted = [name for name in spec.policy.permissions.env if name not in in_code]
            yield from _secrets(f"the tool {spec.name}", granted, file)
        for server in agent.mcp_servers:
            yield from _secrets(f"the MCP server {server.config.name}", server.references, file)


def _secrets(who: str, names: Collection[str], file: str | None) -> Iterator[Problem]:
    for name in _SECRET_NAMES:
        if name in names:
            message = f"{who} may not be granted {name}, which is a secret setting of the server"
            yield Problem(message, file, remedy=_SECRET_REMEDY)


def unseen_variables(tools: Mapping[str, RegisteredTool], environment: Environment) -> Iterator[Problem]:
    """Yield a warning for each variable of `.env` that is granted to a tool which runs in this process.

    Such a tool reads the environment of the process, which the values of `.env` never enter.
    """
    for tool in tools.values():
        policy = tool.spec.policy
        for name in policy.permissions.env if policy.isolation == "inline" else ():
            if name in environment and not environment.is_of_process(name):
                message = f"the tool {tool.spec.name} runs inline and does not see {name}, which only .env sets"
                remedy = "declare isolation='process', or set the variable in the environment"
                yield Problem(message, tool.spec.source, remedy=remedy, severity="warning")
