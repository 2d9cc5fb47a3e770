"""The MCP servers of a process, and its agents rebuilt when the tools of a server change."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from journeyman.agent_files.definition import LoadedAgent
from journeyman.agent_files.mcp_entries import tool_count_problem, with_mcp_tools
from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import AgentSpec
from journeyman.clock import Clock
from journeyman.egress.services import Services
from journeyman.egress.transport import Transport
from journeyman.errors import BaseError, ServiceError
from journeyman.events.messages import JSON
from journeyman.ids import Ids
from journeyman.resilience.guard import ErrorClass
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.server.loading import LoadedFiles
from journeyman.tools.mcp.channel import McpChannel
from journeyman.tools.mcp.config import McpServerConfig, McpTimeouts
from journeyman.tools.mcp.http import HttpChannel
from journeyman.tools.mcp.isolation import NOT_COVERED, describe_server_isolation, server_level
from journeyman.tools.mcp.server import Clean, McpServer
from journeyman.tools.mcp.servers import McpServers
from journeyman.tools.mcp.session import SessionGuard, unguarded
from journeyman.tools.mcp.stdio import StdioChannel
from journeyman.tools.process.pool import scrubbed_environment
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.sandbox.detection import AvailableIsolation, detect
from journeyman.tools.schema import overrides as schema_overrides

_log = logging.getLogger(__name__)
T = TypeVar("T")
DetectIsolation = Callable[[], Awaitable[AvailableIsolation]]
CoveredFiles = Callable[[], tuple[str, ...]]


class Connector:
    """Opens connections to MCP servers. All servers over HTTP share one pool.

    The processes of stdio servers find the files that `covered_files` returns empty, where the machine has namespaces.
    """

    def __init__(
        self, clock: Clock, timeouts: McpTimeouts, isolation: DetectIsolation, covered_files: CoveredFiles
    ) -> None:
        self._clock = clock
        self._timeouts = timeouts
        self._isolation = isolation
        self._covered_files = covered_files
        self._warned: set[str] = set()
        self._transport: Transport | None = None

    async def __call__(self, config: McpServerConfig) -> McpChannel:
        """Open a connection to the server. Raises ServiceError."""
        if config.url is None:
            covered = await self._covered(config)
            return await StdioChannel.open(config, scrubbed_environment(), self._timeouts.exit, covered)
        if self._transport is None:
            from journeyman.egress.pool import AiohttpTransport  # noqa: PLC0415 - 0.15 s and 12 MB, only where needed

            self._transport = AiohttpTransport()
        return HttpChannel(config, self._transport, self._clock)

    async def _covered(self, config: McpServerConfig) -> tuple[str, ...] | None:
        """Return the paths that the server's process is to find empty. None: it is not kept from any."""
        if config.sandbox == "off":
            return None
        if server_level(config, await self._isolation()) == "covered":
            return await asyncio.to_thread(self._covered_files)
        if config.name not in self._warned:
            self._warned.add(config.name)
            _log.warning("MCP server %s: %s", config.name, NOT_COVERED)
        return None

    async def aclose(self) -> None:
        """Close the pool."""
        if self._transport is not None:
            await self._transport.aclose()


def guarded_session(services: Services) -> SessionGuard:
    """Return what passes each request through the server's guard.

    Requests are not retried here: the executor knows the effects of a call.
    """

    async def through(server: str, work: Callable[[], Awaitable[T]]) -> T:
        return await services.mcp(server).guard.call(lambda _: work(), _failed_for_good)

    return through


def _failed_for_good(error: ServiceError) -> ErrorClass:
    return ErrorClass(failing=True, repeatable=False)


class McpConnections:
    """The MCP servers of the agents. It builds agents whose MCP tools always get an answer."""

    def __init__(
        self,
        loaded: LoadedFiles,
        registry: ToolRegistry,
        agents: AgentRegistry,
        clock: Clock,
        ids: Ids,
        call_seconds: float,
        guard: SessionGuard = unguarded,
        clean: Clean = list,
        isolation: DetectIsolation = detect,
        covered_files: CoveredFiles = tuple,
    ) -> None:
        self._timeouts = McpTimeouts()
        self._loaded = loaded
        self._agents = agents
        self._clock = clock
        self._ids = ids
        self._call_seconds = call_seconds
        self._guard = guard
        self._clean = clean
        self._isolation = isolation
        self._connector = Connector(clock, self._timeouts, isolation, covered_files)
        self._problems: dict[str, tuple[str, ...]] = {}
        self.servers = McpServers(
            map(self._server, _configs(loaded).values()), registry, self._timeouts.grace, self._renew
        )

    def build(self, spec: AgentSpec) -> BaseAgent:
        """Build the agent of a definition, also of a stored one of an older version."""
        self.servers.register_placeholders(spec.tools)
        return self._loaded.build(spec)

    async def uncovered(self) -> list[str]:
        """Return the names of the servers that can read the journal and keys, since the machine lacks namespaces."""
        asked = [config for config in self.servers.configs.values() if config.url is None and config.sandbox == "best"]
        if not asked:
            return []
        isolation = await self._isolation()
        return [config.name for config in asked if server_level(config, isolation) != "covered"]

    async def start(self, grace_seconds: float | None = None) -> None:
        """Connect to all servers; wait for them at most `grace_seconds`, by default the grace period of a start.

        A server that takes longer is added when it answers.
        """
        await self.servers.start(grace_seconds)

    async def aclose(self) -> None:
        """End all connections and processes."""
        await self.servers.aclose()
        await self._connector.aclose()

    def mount(self, loaded: LoadedFiles) -> None:
        """Use the servers of these agents. A server whose configuration has not changed keeps its connection."""
        wanted, known = _configs(loaded), self.servers.configs
        self._loaded = loaded
        for name in [name for name, config in known.items() if wanted.get(name) != config]:
            self.servers.remove(name)
        for name, config in wanted.items():
            if known.get(name) != config:
                self.servers.add(self._server(config))

    def remake(self, agents: Iterable[LoadedAgent]) -> list[BaseAgent]:
        """Build these agents with the tools that servers list now, for new runs. Runs in progress keep their agents."""
        made = []
        for agent in agents:
            spec, problems = with_mcp_tools(agent.spec, agent.mcp_servers, self.servers.listings, schema_overrides)
            crowded = tool_count_problem(spec)
            self._report(spec.name, (*problems, *([crowded] if crowded else [])))
            try:
                made.append(self.build(spec))
            except BaseError as exc:
                _log.warning("agent %s stays as it was: %s", spec.name, exc.message)
        return made

    def problems_of(self, agent: str) -> tuple[str, ...]:
        """Return what is wrong with the agent's tools now: servers not available, tools that servers do not have."""
        loaded = next((each for each in self._loaded.agents if each.spec.name == agent), None)
        names = {server.config.name for server in loaded.mcp_servers} if loaded else set()
        away = {name: problem for name, problem in self.servers.problems.items() if name in names}
        sentences = [f"the MCP server {name} is not available now: {problem}" for name, problem in away.items()]
        served = self._agents.agents.get(agent)
        crowded = tool_count_problem(served.spec) if served else None
        return tuple(dict.fromkeys((*sentences, *self._problems.get(agent, ()), *([crowded] if crowded else []))))

    def describe_isolation(self, tool: str, isolation: AvailableIsolation | None) -> dict[str, JSON] | None:
        """Return how the server of a tool is isolated, as JSON. None: the tool is not of an MCP server.

        `isolation`: the means of the machine; None if they are not known yet.
        """
        config = self.servers.configs.get(tool.partition("__")[0]) if "__" in tool else None
        if config is None:
            return None
        return describe_server_isolation(config, isolation)

    def _report(self, agent: str, problems: tuple[str, ...]) -> None:
        """Remember the problems of an agent's tools, and log those that are new."""
        for problem in problems:
            if problem not in self._problems.get(agent, ()):
                _log.warning("agent %s: %s", agent, problem)
        self._problems[agent] = problems

    def _renew(self) -> None:
        """Rebuild the agents with MCP servers, because the tools of a server have changed."""
        for agent in self.remake(agent for agent in self._loaded.agents if agent.mcp_servers):
            self._agents.put(agent, self._clock.now(), by_file=False)

    def _server(self, config: McpServerConfig) -> McpServer:
        return McpServer(
            config,
            self._connector,
            clock=self._clock,
            ids=self._ids,
            rng=random.Random(),
            timeouts=self._timeouts,
            call_seconds=self._call_seconds,
            guard=self._guard,
            clean=self._clean,
        )


def _configs(loaded: LoadedFiles) -> dict[str, McpServerConfig]:
    return {mount.config.name: mount.config for agent in loaded.agents for mount in agent.mcp_servers}
