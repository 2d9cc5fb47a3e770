"""The MCP servers of an agent file: their tools are in the agent, also if they come late or change."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from journeyman.errors import ToolExecutionError
from journeyman.server.application import Application
from journeyman.server.composition import build
from journeyman.settings import Settings
from tests.harness.mcp_fixtures import PEER, Host, calling, until

AGENT = """
type: react_agent
name: support
model: offline
tools: [current_time, {{name: peer__echo, effects: none, approval: always}}]
mcp_servers:
  peer: {{command: [{python}, {peer}{mode}], tools: [fail, grow, new], timeout_seconds: 5}}
"""


async def application(tmp_path: Path, mode: str = "") -> Application:
    text = AGENT.format(python=sys.executable, peer=PEER, mode=f", {mode}" if mode else "")
    (tmp_path / "support.yaml").write_text(text)
    return await build(Settings(database_url="memory://"), tmp_path / "support.yaml", offline=True)


async def test_its_tools_are_the_agents(tmp_path: Path) -> None:
    async with await application(tmp_path) as app:
        spec = app.agents.agents["support"].spec
        assert [tool.name for tool in spec.tools] == ["current_time", "peer__echo", "peer__fail", "peer__grow"]
        echo = spec.tools[1]
        assert (echo.policy.effects, echo.policy.approval.when, echo.policy.timeout_seconds) == ("none", "always", 5.0)
        assert echo.parameters["required"] == ["text"]
        invoker = app.registry.get("peer__echo").invoker
        assert invoker is not None
        assert await invoker.invoke(calling("echo", text="hi"), Host()) == "hi"
        await invoker.invoke(calling("grow"), Host())
        await until(lambda: app.agents.agents["support"].spec.tool("peer__new") is not None)
        assert app.agents.agents["support"].version != spec.version


async def test_a_server_that_hangs_delays_nothing_and_its_tool_says_so(tmp_path: Path) -> None:
    async with await application(tmp_path, "mute") as app:
        assert [tool.name for tool in app.agents.agents["support"].spec.tools] == ["current_time", "peer__echo"]
        invoker = app.registry.get("peer__echo").invoker
        assert invoker is not None
        with pytest.raises(ToolExecutionError) as unavailable:
            await invoker.invoke(calling("echo", text="x"), Host())
        assert unavailable.value.code == "tool_unavailable"
        assert app.mcp.servers.problems == {"peer": "it was not reached yet"}
