"""A real stdio MCP server is away when a call that a human approved is to run, over restarts of the application."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from journeyman.runtime.use_cases.requests import HumanAnswer, StartCall
from journeyman.server.application import Application
from journeyman.server.composition import build
from journeyman.settings import Settings
from journeyman.tools.failures import TransientToolError
from journeyman.tools.mcp.config import McpServerConfig
from tests.harness.fake_mcp_server import FakeHttpMcpServer
from tests.harness.mcp_fixtures import PEER, Host, Running, calling, command, until

AGENT = """
type: react_agent
name: support
model: offline
tools: [{{name: peer__echo, approval: always}}, peer__pid]
mcp_servers:
  peer: {{command: [{python}, {program}], tools: [echo, pid], timeout_seconds: 5, sandbox: off}}
"""
# Runs while the file beside it exists; what that says is the description of its tool.
PROGRAM = """
import pathlib, sys
sys.path.insert(0, {folder!r})
import fake_mcp_server as peer
here = pathlib.Path({here!r})
if not here.exists():
    sys.exit("away")
peer.ECHO["description"] = here.read_text()
peer.main(set())
"""


class Peer:
    """A server program that runs only while its file exists."""

    def __init__(self, folder: Path) -> None:
        self.here = folder / "here"
        self.program = folder / "peer.py"
        self.program.write_text(PROGRAM.format(folder=str(PEER.parent), here=str(self.here)))
        self.agent = folder / "support.yaml"
        self.agent.write_text(AGENT.format(python=sys.executable, program=self.program))
        self.settings = Settings(database_url=f"sqlite:///{folder}/j.db", auth_mode="off")

    def start(self, description: str = "Says it again") -> None:
        self.here.write_text(description)

    async def end(self, app: Application) -> None:
        """End the server for good and wait until the application knows."""
        self.here.unlink()
        invoker = app.registry.get("peer__pid").invoker
        assert invoker is not None
        os.kill(int(str(await invoker.invoke(calling("pid"), Host()))), signal.SIGKILL)  # type: ignore[arg-type]
        await until(lambda: app.mcp.servers.is_here("peer__echo") is False)

    async def application(self) -> Application:
        return await build(self.settings, self.agent, offline=True)


async def called(app: Application) -> str:
    """Make a call that asks a human first. Returns its run."""
    started = await app.runtime.runs.call("local", StartCall(tool="peer__echo", arguments={"text": "hi"}))
    await app.runtime.runs.wait(started.run_id, 10)
    return started.run_id


async def approve(app: Application, run_id: str) -> None:
    [asked] = await app.journal.approvals(None)
    await app.runtime.runs.answer("local", run_id, [HumanAnswer(approval=asked.id, decision="approve")])


async def types(app: Application, run_id: str) -> list[str]:
    return [entry.type for entry in await app.journal.read(run_id)]


@pytest.mark.long
@pytest.mark.parametrize("changed", [False, True])
async def test_an_approved_call_waits_over_a_restart(tmp_path: Path, changed: bool) -> None:
    peer = Peer(tmp_path)
    peer.start()
    async with await peer.application() as app:
        run_id = await called(app)
        await peer.end(app)
        await approve(app, run_id)
        await until(lambda: app.runtime.lacking.counts_by_kind() == {"tool": 1})
    async with await peer.application() as app:
        await until(lambda: app.runtime.lacking.counts_by_kind() == {"tool": 1})
        assert "tool_call_started" not in await types(app, run_id)
        peer.start("Says something else" if changed else "Says it again")
        await until(lambda: not app.runtime.lacking.counts_by_kind())
        result = await app.runtime.runs.wait(run_id, 10)
        if changed:
            assert result.status == "paused"
            await approve(app, run_id)
            result = await app.runtime.runs.wait(run_id, 10)
        assert (result.status, result.response) == ("finished", "hi")
        recorded = await types(app, run_id)
        assert (recorded.count("approval_requested"), recorded.count("tool_call_started")) == (1 + changed, 1)


async def test_the_hash_of_a_tool_is_read_from_the_server_at_each_time(running: Running) -> None:
    async with running(command()) as server:
        before = await server.live_hash("peer__echo")
        assert before == server.listing.tools["peer__echo"].spec.code_hash
        assert await server.live_hash("peer__new") is None
        await server.call(calling("grow"), Host())
        assert await server.live_hash("peer__new") is not None
        assert await server.live_hash("peer__echo") == before


async def test_a_server_that_went_away_unnoticed_is_noticed(running: Running) -> None:
    async with AsyncExitStack() as stack:
        async with FakeHttpMcpServer(set()) as peer:
            server = await stack.enter_async_context(running(McpServerConfig(name="peer", url=peer.url)))
            assert server.is_connected
        with pytest.raises(TransientToolError) as away:
            await server.live_hash("peer__echo")
        assert away.value.code == "tool_unavailable"
        assert not server.is_connected, repr(away.value.__cause__)
