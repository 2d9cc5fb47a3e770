"""Loading: the tools and agents that a process serves, loaded and checked, with all their problems."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from journeyman.agent_files.agent_types import AgentTypes
from journeyman.agent_files.assembly import assemble
from journeyman.agent_files.definition import LoadContext, LoadedAgent, LoadedAgents
from journeyman.agent_files.folder import load_agents
from journeyman.agent_files.model_entries import needs_gateway
from journeyman.agent_files.node_types import NodeTypes
from journeyman.agent_files.single import load_environment_agent
from journeyman.agents.agent import BaseAgent
from journeyman.agents.graph.agent import GraphAgent
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec
from journeyman.egress.services import ServiceSpec, merged_services
from journeyman.egress.transport import Transport
from journeyman.environment import Environment
from journeyman.errors import ConfigurationError, Problem
from journeyman.llm.gateway.gateway_spec import GatewaySpec
from journeyman.server.gateway_grants import grant_warnings, secret_grants, unseen_variables
from journeyman.server.outbound import openapi_tools, outside
from journeyman.server.paths import agent_path, tools_path
from journeyman.settings import Settings
from journeyman.tools.discovery.discovery import discover
from journeyman.tools.openapi.invoker import OpenApiTool
from journeyman.tools.registry import Discover, ToolRegistry
from journeyman.tools.schema import overrides as schema_overrides
from journeyman.user_code.importing import ImportedFiles


@dataclass(frozen=True, slots=True)
class LoadedFiles:
    """The loaded tools and agents, and what is wrong with them."""

    registry: ToolRegistry
    types: AgentTypes
    nodes: NodeTypes
    agents: tuple[LoadedAgent, ...]
    problems: tuple[Problem, ...]
    transport: Transport | None = None  # of tools that are outside services
    services: tuple[ServiceSpec, ...] = ()  # of all agents, each once
    gateways: tuple[GatewaySpec, ...] = ()  # of all agents, each once
    openapi: tuple[OpenApiTool, ...] = ()  # to be registered when there are guards for them
    environment: Mapping[str, str] = field(default_factory=Environment)  # what agent files and tools see

    def build(self, spec: AgentSpec) -> BaseAgent:
        """Build the agent of a definition, also of a stored one of an older version."""
        folder = next((agent.folder for agent in self.agents if agent.spec.name == spec.name), None)
        return assemble(spec, self.types.resolve(spec.type, folder), self.registry.tools, folder, self.nodes)

    @property
    def variable_names(self) -> frozenset[str]:
        """The names of the variables that agent files refer to, or that tools and MCP servers may see."""
        files = (name for agent in self.agents for name in agent.references)
        servers = (name for agent in self.agents for server in agent.mcp_servers for name in server.variables)
        return frozenset((*files, *servers, *self._granted))

    @property
    def _granted(self) -> frozenset[str]:
        """The names of the variables that tools may see."""
        specs = [*(tool.spec for tool in self.registry.tools.values())]
        specs += [spec for agent in self.agents for spec in agent.spec.tools]
        return frozenset(name for spec in specs for name in spec.policy.permissions.env)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values of the environment that agents name or that tools may see, and credentials of gateways.

        They are masked.
        """
        values = (self.environment.get(name, "") for name in sorted(self._granted))
        of_gateways = (secret for gateway in self.gateways for secret in gateway.secrets)
        return (*(secret for agent in self.agents for secret in agent.secrets), *filter(None, values), *of_gateways)


def finder(settings: Settings) -> Discover:
    """Return what finds the tools of a folder, in an environment with the variables of `.env`."""
    return partial(discover, environment=settings.environment_of_tools)


def agent_types(imported: ImportedFiles) -> AgentTypes:
    """Return the built-in agent types, to which classes of users are added."""
    return AgentTypes({ReactAgent.type: ReactAgent, GraphAgent.type: GraphAgent}, import_file=imported)


def load_context(settings: Settings, registry: ToolRegistry, types: AgentTypes, offline: bool) -> LoadContext:
    """Return what agent files may refer to: tools, types, the environment, the default model."""
    return LoadContext(
        tools=registry.tools,
        lost_tools=registry.lost,
        types=types,
        schema_overrides=schema_overrides,
        environment=settings.environment,
        default_model=settings.default_model,
        gateway_configured=settings.litellm_gateway_url is not None,
        openai_configured=settings.uses_openai_variables,
        offline=offline,
        node_types=NodeTypes(ImportedFiles()).names(),
    )


async def load(
    settings: Settings,
    path: Path | None,
    *,
    offline: bool,
    discover: Discover | None = None,
    imported: ImportedFiles | None = None,
    earlier: ToolRegistry | None = None,
) -> LoadedFiles:
    """Load the agents at `path`, or those that the settings describe. Problems are listed in the result, never raised.

    `imported` and `earlier` come from the load before: what has not changed is taken from them.
    """
    agents_at = agent_path(settings, path)
    registry = await ToolRegistry.auto_register(
        tools_path(settings, agents_at),
        discover=discover or finder(settings),
        isolation=settings.tools_isolation,
        security=settings.tools_security,
        earlier=earlier,
    )
    read = partial(_read, settings, agents_at, registry, offline, imported or ImportedFiles())
    return await asyncio.to_thread(read)  # a document of an API may take seconds


def _read(
    settings: Settings, agents_at: Path | None, registry: ToolRegistry, offline: bool, imported: ImportedFiles
) -> LoadedFiles:
    types = agent_types(imported)
    around = load_context(settings, registry, types, offline)
    loaded = _from_environment(settings, around) if agents_at is None else load_agents(agents_at, around)
    return loaded_files(settings, registry, types, loaded, imported)


def loaded_files(
    settings: Settings,
    registry: ToolRegistry,
    types: AgentTypes,
    loaded: LoadedAgents,
    imported: ImportedFiles,
) -> LoadedFiles:
    """Return the loaded agents together with what their files add: OpenAPI tools, settings of services, gateways."""
    transport = outside(loaded.agents)
    services, contradictions = merged_services(spec for agent in loaded.agents for spec in agent.services)
    gateways = {gateway.name: gateway for agent in loaded.agents for gateway in agent.gateways}
    openapi, found = openapi_tools(loaded.agents, registry.tools)
    checked = registry.check_problems(spec for agent in loaded.agents for spec in agent.spec.tools)
    nodes = NodeTypes(imported)
    coded = [problem for agent in loaded.agents for problem in _code_problems(agent, nodes)]
    warn = settings.uses_openai_variables and any(map(_uses_gateway, loaded.agents))
    granted = (*grant_warnings(loaded.agents if warn else ()), *secret_grants(registry.tools, loaded.agents))
    unseen = unseen_variables(registry.tools, settings.environment)
    found = [*found, *map(_contradiction, contradictions), *unseen]
    problems = (*registry.problems, *loaded.problems, *found, *checked, *coded, *granted)
    return LoadedFiles(
        registry,
        types,
        nodes,
        loaded.agents,
        problems,
        transport,
        services,
        tuple(gateways.values()),
        openapi,
        settings.environment,
    )


def _uses_gateway(agent: LoadedAgent) -> bool:
    """Return whether a model of the agent, or a fallback of one, has the gateway of the settings."""
    return any(not gateway and needs_gateway(name) for gateway, name in agent.spec.models())


def _code_problems(agent: LoadedAgent, nodes: NodeTypes) -> tuple[Problem, ...]:
    """Import the code of the agent's graph nodes and return what is wrong with it."""
    try:
        if agent.spec.graph is not None:
            nodes.functions(agent.spec.graph, agent.folder)
    except ConfigurationError as exc:
        return exc.problems
    return ()


def _contradiction(message: str) -> Problem:
    return Problem(message, remedy="give a service one name and one match in all agents")


def _from_environment(settings: Settings, around: LoadContext) -> LoadedAgents:
    """Load the one agent that AGENT_TYPE, AGENT_NAME, AGENT_PROMPT, DEFAULT_MODEL and AGENT_TOOLS describe."""
    described = {
        "AGENT_TYPE": settings.agent_type,
        "AGENT_NAME": settings.agent_name or "",
        "AGENT_PROMPT": settings.agent_prompt or "",
        "AGENT_TOOLS": ",".join(settings.agent_tools),
        "DEFAULT_MODEL": settings.default_model or "",
    }
    try:
        return LoadedAgents(agents=(load_environment_agent(described, around),), problems=())
    except ConfigurationError as exc:
        return LoadedAgents(agents=(), problems=exc.problems or (Problem(exc.message),))
