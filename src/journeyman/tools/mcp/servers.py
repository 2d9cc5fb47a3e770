"""The MCP servers of an application: started together, their tools registered while they are available."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping

import msgspec

from journeyman.errors import ToolRegistrationError
from journeyman.tools.mcp.config import McpServerConfig
from journeyman.tools.mcp.listing import McpTool
from journeyman.tools.mcp.server import McpInvoker, McpServer
from journeyman.tools.registry import RegisteredTool, ToolRegistry
from journeyman.tools.schema.arguments import CodeCheck, SchemaCheck
from journeyman.tools.spec import ToolPolicy, ToolSpec

_log = logging.getLogger(__name__)


class McpServers:
    """The MCP servers and the tools that they have registered. `changed` is called when the tools of one changed."""

    def __init__(
        self,
        servers: Iterable[McpServer],
        registry: ToolRegistry,
        grace_seconds: float = 2.0,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._servers: dict[str, McpServer] = {}
        self._registry = registry
        self._grace = grace_seconds
        self._invokers: dict[str, McpInvoker] = {}
        self._registered: dict[str, set[str]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._started = False
        self._changed = changed
        for server in servers:
            self.add(server)

    def add(self, server: McpServer) -> None:
        """Add a server, and connect to it if the servers have been started."""
        self._servers[server.name] = server
        self._invokers[server.name] = McpInvoker(server)
        self._registered[server.name] = set()
        if self._started:
            self._connect(server)

    def remove(self, name: str) -> None:
        """Remove a server and its tools; its connection ends in the background."""
        for tool in self._registered.pop(name):
            self._registry.remove(tool)
        del self._servers[name], self._invokers[name]
        task = self._tasks.pop(name, None)
        if task is not None:
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            task.cancel()

    def _connect(self, server: McpServer) -> None:
        self._tasks[server.name] = asyncio.get_running_loop().create_task(
            server.run(self._register), name=f"mcp:{server.name}"
        )

    async def start(self, grace_seconds: float | None = None) -> None:
        """Connect to all servers at the same time; wait for them, but not longer than the grace period.

        `grace_seconds` replaces that period.
        """
        self._started = True
        for server in self._servers.values():
            self._connect(server)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace if grace_seconds is None else grace_seconds):
                for server in self._servers.values():
                    await server.attempted.wait()

    async def aclose(self) -> None:
        """End all connections and processes at the same time; idempotent."""
        tasks = [*self._tasks.values(), *self._ending]
        self._tasks, self._started = {}, False
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def names(self) -> frozenset[str]:
        """The names of the tools that are registered now, placeholders included."""
        return frozenset().union(*self._registered.values())

    def is_here(self, tool: str) -> bool | None:
        """Return whether the server of a tool is connected. None: the tool is not one of these servers."""
        server = self._servers.get(tool.partition("__")[0]) if "__" in tool else None
        return None if server is None else server.is_connected

    @property
    def configs(self) -> Mapping[str, McpServerConfig]:
        """The configuration of each server."""
        return {name: server.config for name, server in self._servers.items()}

    @property
    def problems(self) -> Mapping[str, str]:
        """For each server that is not available: why."""
        return {name: server.problem for name, server in self._servers.items() if server.problem is not None}

    @property
    def listings(self) -> Mapping[str, Mapping[str, McpTool]]:
        """The tools of each server by their registered names. A server that was never reached is missing."""
        return {name: server.listing.tools for name, server in self._servers.items() if server.was_listed}

    def register_placeholders(self, specs: Iterable[ToolSpec]) -> None:
        """Register those of the tools that are missing, so that calls are answered before their server lists them.

        They are registered with the policy of every MCP tool, as the server's listing will register them.
        """
        for spec in specs:
            server = spec.name.partition("__")[0]
            if server in self._servers and spec.name not in self._registry.tools:
                plain = msgspec.structs.replace(spec, policy=ToolPolicy())
                self._replace(server, self._registered_tool(server, plain, SchemaCheck(spec.parameters)))

    def _register(self, server: McpServer) -> None:
        """Register the tools that a server lists now, and remove those that it does not list any more."""
        if self._servers.get(server.name) is not server:
            return  # removed while its tools were read
        listed = server.listing.tools
        for name in self._registered[server.name] - set(listed):
            self._registry.remove(name)
            self._registered[server.name].discard(name)
        for tool in listed.values():
            self._replace(server.name, self._registered_tool(server.name, tool.spec, tool.check))
        self._changed()

    def _registered_tool(self, server: str, spec: ToolSpec, check: CodeCheck) -> RegisteredTool:
        return RegisteredTool(spec=spec, check=check, invoker=self._invokers[server], server=self._servers[server])

    def _replace(self, server: str, tool: RegisteredTool) -> None:
        name = tool.spec.name
        if name in self._registered[server]:
            self._registry.remove(name)
        try:
            self._registry.add(tool)
            self._registered[server].add(name)
        except ToolRegistrationError as exc:
            _log.warning("MCP server %s: %s", server, exc.message)
