"""All MCP servers of an application: started together, their tools registered as they come and go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping

from journeyman.errors import ToolRegistrationError
from journeyman.tools.arguments import SchemaCheck
from journeyman.tools.mcp.listing import McpTool
from journeyman.tools.mcp.server import McpInvoker, McpServer
from journeyman.tools.registry import RegisteredTool, ToolRegistry
from journeyman.tools.spec import ToolSpec

_log = logging.getLogger(__name__)


class McpServers:
    """`changed` is called when the tools of a server have come or changed: agents may be made anew then."""

    def __init__(self, servers: Iterable[McpServer], registry: ToolRegistry, grace_seconds: float = 2.0) -> None:
        self._servers = {server.name: server for server in servers}
        self._registry = registry
        self._grace = grace_seconds
        self._invokers = {name: McpInvoker(server) for name, server in self._servers.items()}
        self._registered: dict[str, set[str]] = {name: set() for name in self._servers}
        self._tasks: list[asyncio.Task[None]] = []
        self.changed: Callable[[], None] = lambda: None
        for server in self._servers.values():
            server.on_listed = self._take

    async def start(self) -> None:
        """Connect to all at once; wait for them a moment, never for a hanging one."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(server.run(), name=f"mcp:{server.name}") for server in self._servers.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                for server in self._servers.values():
                    await server.decided.wait()

    async def aclose(self) -> None:
        """End every connection and process, all at once; idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def problems(self) -> Mapping[str, str]:
        """Server -> why it is not available now."""
        return {name: server.problem for name, server in self._servers.items() if server.problem is not None}

    @property
    def listings(self) -> Mapping[str, Mapping[str, McpTool]]:
        """Server -> its tools by their names here; empty until it was reached."""
        return {name: server.listing.tools for name, server in self._servers.items()}

    def stand_in(self, specs: Iterable[ToolSpec]) -> None:
        """Have these tools answered, also those that their server has not shown (yet, or any more)."""
        for spec in specs:
            server = spec.name.partition("__")[0]
            if server in self._servers and spec.name not in self._registry.tools:
                self._put(
                    server,
                    RegisteredTool(spec=spec, check=SchemaCheck(spec.parameters), invoker=self._invokers[server]),
                )

    def _take(self, server: McpServer) -> None:
        """Register what a server shows now, and no more what it does not."""
        shown = server.listing.tools
        for name in self._registered[server.name] - set(shown):
            self._registry.remove(name)
            self._registered[server.name].discard(name)
        for tool in shown.values():
            invoker = self._invokers[server.name]
            self._put(server.name, RegisteredTool(spec=tool.spec, check=tool.check, invoker=invoker))
        self.changed()

    def _put(self, server: str, tool: RegisteredTool) -> None:
        name = tool.spec.name
        if name in self._registered[server]:
            self._registry.remove(name)
        try:
            self._registry.add(tool)
            self._registered[server].add(name)
        except ToolRegistrationError as exc:
            _log.warning("MCP server %s: %s", server, exc.message)
