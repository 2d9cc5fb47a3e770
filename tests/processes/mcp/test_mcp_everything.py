"""`@modelcontextprotocol/server-everything` on Node as a real peer, over both transports."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from journeyman.tools.mcp.config import McpServerConfig, McpTimeouts
from journeyman.tools.spec import CallRequest
from tests.harness.mcp_fixtures import Host, Running, calling

PACKAGE = "@modelcontextprotocol/server-everything@2026.8.31"
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        text = "the reference server of MCP needs Node and npm"
        pytest.fail(text, pytrace=False) if "CI" in os.environ else pytest.skip(text)
    folder = tmp_path_factory.mktemp("everything")
    subprocess.run(["npm", "install", "--prefix", str(folder), PACKAGE], check=True, timeout=240, capture_output=True)
    return folder / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"


@pytest.fixture(params=["stdio", "streamableHttp"])
async def config(request: pytest.FixtureRequest, script: Path) -> AsyncIterator[McpServerConfig]:
    if request.param == "stdio":
        yield McpServerConfig(name="peer", command=("node", str(script), "stdio"))
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        "node", str(script), "streamableHttp", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield McpServerConfig(name="peer", url=f"http://127.0.0.1:{port}/mcp")
    finally:
        process.kill()
        await process.wait()


def call(name: str, **arguments: object) -> CallRequest:
    return calling(name, **arguments)


async def test_its_tools_are_listed_and_called(running: Running, config: McpServerConfig) -> None:
    async with running(config, McpTimeouts(call_wait=5.0)) as server:
        request = call("echo", message="hello")
        patient = request.spec.with_policy(timeout_seconds=20.0)
        while server.problem is not None:  # over HTTP it may still be starting
            await asyncio.sleep(0.1)
        assert await server.call(msgspec.structs.replace(request, spec=patient), Host()) == "Echo: hello"
        assert not server.listing.refused
        host = Host()
        await server.call(call("trigger-long-running-operation", duration=1, steps=4), host)
        assert host.shown == [0.25, 0.5, 0.75, 1.0]
