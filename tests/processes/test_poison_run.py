"""A run that kills the server: it is held after the third time, and the runs beside it, and quick deploys, are not."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.api_client import ApiClient, ServerGone
from tests.harness.real_server import RealServer

_AGENT = """\
type: react_agent
name: worker
description: Calls tools
prompt: Do it.
model: {name: offline}
tools: [poison, sleeper]
"""
_TOOLS = '''\
"""Tools that run inside the server."""
import asyncio
import os
import signal
from pathlib import Path

from journeyman import tool

CURED = Path({cured!r})


@tool(effects="none")
async def poison() -> str:
    """Kill the server."""
    await asyncio.sleep(0.2)
    if not CURED.exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return "harmless"


@tool(effects="none")
async def sleeper() -> str:
    """Take long."""
    while not CURED.exists():
        await asyncio.sleep(0.1)
    return "slept"
'''


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RealServer]:
    agents = tmp_path / "agents"
    (agents / "tools").mkdir(parents=True)
    (agents / "worker.yaml").write_text(_AGENT)
    (agents / "tools" / "deadly.py").write_text(_TOOLS.format(cured=str(tmp_path / "cured")))
    server = RealServer(tmp_path, agents, {}, preloaded=True)
    yield server
    await server.close()


async def call(client: ApiClient, tool: str, key: str) -> None:
    """Call a tool, without waiting for its result longer than the server lives."""
    with contextlib.suppress(ServerGone, TimeoutError):
        await client.once("POST", "/execute_tool", {"tool_name": tool, "agent": "worker"}, key)


async def run_ids(client: ApiClient, tool: str) -> list[str]:
    items = (await client.get(f"/runs?tool={tool}&limit=100"))["items"]
    return [item["run_id"] for item in items]


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_fifty_runs_beside_a_poison_run_go_on(server: RealServer, tmp_path: Path) -> None:
    await server.start()
    async with ApiClient(server) as client:
        calls = [asyncio.create_task(call(client, "sleeper", f"s{number}")) for number in range(50)]
        async with asyncio.timeout(30):
            while len(innocents := await run_ids(client, "sleeper")) < 50:
                await asyncio.sleep(0.05)
        calls.append(asyncio.create_task(call(client, "poison", "p")))
        deaths = 0
        while await died(server):
            deaths += 1
            await server.start()
        assert deaths <= 4  # the first end may come before the first step is on the disk
        [poison] = await run_ids(client, "poison")
        held = await client.run(poison)
        assert (held["status"], held["waiting_for"]) == ("paused", "operator")
        assert f"POST /runs/{poison}/release" in held["waiting_reason"]
        assert "crashed_repeatedly" in held["waiting_reason"]
        (tmp_path / "cured").touch()
        for innocent in innocents:
            assert (await client.until(innocent))["status"] == "finished"
        assert (await client.run(poison))["status"] == "paused"
        (await client.ask("POST", f"/runs/{poison}/release")).must(200)
        assert (await client.until(poison))["status"] == "finished"
        await asyncio.gather(*calls)


async def died(server: RealServer) -> bool:
    """Wait whether the server dies of what it resumes. A suspect is alone for 5 s."""
    async with asyncio.timeout(60):
        for _ in range(80):
            if not server.alive:
                await server.died(5)
                return True
            await asyncio.sleep(0.1)
    return False


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_twenty_deploys_while_runs_are_in_progress_hold_none(server: RealServer, tmp_path: Path) -> None:
    await server.start()
    async with ApiClient(server) as client:
        calls = [asyncio.create_task(call(client, "sleeper", f"s{number}")) for number in range(5)]
        async with asyncio.timeout(30):
            while len(innocents := await run_ids(client, "sleeper")) < 5:
                await asyncio.sleep(0.05)
        for number in range(20):
            assert server.child is not None
            server.child.signal(signal.SIGTERM)
            if number % 5:  # who deploys does not wait for the end of the drain
                await asyncio.sleep(0.3)
                server.child.signal(signal.SIGKILL)
            else:
                server.child.signal(signal.SIGTERM)
            await server.died(30)
            await server.start()
        assert [(await client.run(run))["status"] for run in innocents] == ["running"] * 5
        (tmp_path / "cured").touch()
        for innocent in innocents:
            assert (await client.until(innocent, seconds=4))["status"] == "finished"
        await asyncio.gather(*calls)
