"""A fake MCP server over stdio and HTTP, and what calls of its tools need."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from journeyman.clock import SystemClock
from journeyman.egress.pool import AiohttpTransport
from journeyman.ids import RandomIds
from journeyman.tools.mcp.channel import McpChannel
from journeyman.tools.mcp.config import McpServerConfig, McpTimeouts
from journeyman.tools.mcp.http import HttpChannel
from journeyman.tools.mcp.server import McpServer
from journeyman.tools.mcp.stdio import StdioChannel
from journeyman.tools.process.pool import scrubbed_environment
from journeyman.tools.spec import CallRequest, ToolPolicy, ToolSpec
from tests.harness.fake_mcp_server import FakeHttpMcpServer

PEER = Path(__file__).parent / "fake_mcp_server.py"
QUICK = McpTimeouts(
    probe=2.0, opening=5.0, request=0.5, grace=3.0, call_wait=3.0, exit=0.2, first_pause=0.02, debounce=0.01
)


class Host:
    """A host that collects progress."""

    def __init__(self) -> None:
        self.shown: list[str | float] = []

    async def starting(self, attempt: int) -> None: ...

    def progress(self, value: str | float) -> None:
        self.shown.append(value)

    async def change_context(self, scope: object, patch: object) -> None: ...


def command(*modes: str) -> McpServerConfig:
    return McpServerConfig(name="peer", command=(sys.executable, str(PEER), *modes), env={"GIVEN": "yes"})


def calling(name: str, **arguments: object) -> CallRequest:
    spec = ToolSpec(name=f"peer__{name}", description="", parameters={}, policy=ToolPolicy(timeout_seconds=5.0))
    ids = {"call": "m1.0", "run_id": "run_1", "thread_id": "t", "principal": "local"}
    return CallRequest(spec=spec, arguments=dict(arguments), idempotency_key="key-1", **ids)


Running = Callable[..., contextlib.AbstractAsyncContextManager[McpServer]]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    """Return a function whose context runs the task of a server: `async with running(config) as server`."""
    transport = AiohttpTransport()
    clock = SystemClock()

    async def connect(config: McpServerConfig) -> McpChannel:
        if config.url is not None:
            return HttpChannel(config, transport, clock)
        return await StdioChannel.open(config, scrubbed_environment(), QUICK.exit)

    @contextlib.asynccontextmanager
    async def start(config: McpServerConfig, timeouts: McpTimeouts = QUICK) -> AsyncIterator[McpServer]:
        server = McpServer(
            config, connect, clock=clock, ids=RandomIds(), rng=random.Random(1), timeouts=timeouts, call_seconds=5.0
        )
        task = asyncio.get_running_loop().create_task(server.run())
        try:
            async with asyncio.timeout(10):
                await server.attempted.wait()
                yield server
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    yield start
    await transport.aclose()


@pytest.fixture(params=["stdio", "http", "http json", "http stateless", "stdio stateless"])
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[McpServerConfig]:
    """Return the configuration of the well-behaved server for each transport."""
    transport, *modes = request.param.split()
    if transport == "stdio":
        yield command(*modes)
        return
    async with FakeHttpMcpServer(set(modes)) as http:
        yield McpServerConfig(name="peer", url=http.url, headers={"Authorization": "Bearer token-of-the-test"})


async def until(condition: Callable[[], bool], wait: Callable[[], Awaitable[None]] | None = None) -> None:
    """Wait until a condition holds that another process brings about, at most 5 seconds."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)
