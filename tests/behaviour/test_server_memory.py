"""The server's environment and memory cannot be read by other processes of its user."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.api_client import ApiClient
from tests.harness.real_server import READY_SECONDS, RealServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux closes the memory of a process")

SECRET = "sk-of-the-server-alone"
TOOLS = '''
import os
from pathlib import Path

from journeyman import tool


@tool(effects="none", retries=0)
def steal() -> str:
    """Read the environment of the process that started this one."""
    try:
        return Path(f"/proc/{os.getppid()}/environ").read_text()
    except OSError as exc:
        return type(exc).__name__
'''
# Capabilities are dropped first, since root has one for every memory. Without them, namespaces are refused to root, and
# tools run at the level `partial`.
WEAK = """
import os, sys
from journeyman.tools.sandbox import kernel

kernel.drop_privileges()
os.execv(sys.argv[1], sys.argv[1:])
"""
THIEF = """
import json, os, sys
from pathlib import Path
from journeyman.tools.sandbox import kernel

kernel.drop_privileges()

def tried(act):
    try:
        act()
    except OSError as exc:
        return type(exc).__name__
    return "done"

server = Path("/proc", sys.argv[1])
print(json.dumps({
    "environ": tried((server / "environ").read_bytes),
    "maps": tried((server / "maps").read_bytes),
    "mem": tried(lambda: (server / "mem").open("rb")),
    "root": tried(lambda: os.listdir(server / "root")),
}))
"""


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/thief.py").write_text(TOOLS)
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: thief\nmodel: offline\ntools: [steal]\n")
    return tmp_path / "agent.yaml"


@contextlib.asynccontextmanager
async def _serving(folder: Path, agent: Path, **settings: str) -> AsyncIterator[RealServer]:
    server = RealServer(folder, agent, {"LITELLM_GATEWAY_API_KEY": SECRET, **settings})
    child = server.spawn([sys.executable, "-c", WEAK])
    await asyncio.to_thread(child.wait_http, f"{server.url}/readyz", READY_SECONDS, 0.01)
    try:
        yield server
    finally:
        await server.kill()


async def _seen(server: RealServer) -> dict[str, str]:
    argv = [sys.executable, "-c", THIEF, str(server.pid)]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, timeout=30, check=True)
    return json.loads(done.stdout)


@pytest.mark.long
async def test_neither_its_tools_nor_other_processes_of_its_user_read_it(tmp_path: Path, agent: Path) -> None:
    async with _serving(tmp_path, agent) as server, ApiClient(server) as client:
        assert set((await _seen(server)).values()) == {"PermissionError"}
        answer = (await client.once("POST", "/execute_tool", {"tool_name": "steal"})).must(200)
        assert "PATH" in answer["response"] or answer["response"] == "PermissionError", "its own namespace, or nothing"
        assert SECRET not in answer["response"]


@pytest.mark.long
async def test_with_debug_profilers_read_it(tmp_path: Path, agent: Path) -> None:
    async with _serving(tmp_path, agent, DEBUG="true") as server:
        assert (await _seen(server))["environ"] == "done"
