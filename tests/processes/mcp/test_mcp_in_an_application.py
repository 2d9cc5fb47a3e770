"""The MCP servers of an agent file: their tools are in the agent, also if they come late or change."""

from __future__ import annotations

import sys
from base64 import b64decode
from pathlib import Path

import pytest

from journeyman.api.app import build_app
from journeyman.cli.doctor.mcp import mcp_servers
from journeyman.errors import ToolExecutionError
from journeyman.server.application import Application
from journeyman.server.composition import build
from journeyman.server.serving.app import api_dependencies
from journeyman.settings import Settings
from tests.harness.asgi_client import request
from tests.harness.fake_mcp_server import PICTURE
from tests.harness.mcp_fixtures import PEER, Host, calling, until
from tests.surroundings.table import cell

AGENT = """
type: react_agent
name: support
model: offline
tools: [current_time, {{name: peer__echo, effects: none, approval: always}}]
mcp_servers:
  peer: {{command: [{python}, {peer}{mode}], tools: [fail, grow, new], timeout_seconds: 5}}
"""


POLICY = ("effects", "declared", "on_unknown", "approval", "timeout_seconds", "retries", "cache_ttl", "cache_scope")


def written(tmp_path: Path, text: str, mode: str = "") -> Path:
    """Write the agent file whose server behaves in this mode."""
    file = tmp_path / "support.yaml"
    file.write_text(text.format(python=sys.executable, peer=PEER, mode=f", {mode}" if mode else ""))
    return file


async def application(tmp_path: Path, mode: str = "", text: str = AGENT) -> Application:
    settings = Settings(database_url="memory://", auth_mode="off")
    return await build(settings, written(tmp_path, text, mode), offline=True)


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


async def test_a_picture_of_a_server_is_a_file_of_the_caller(tmp_path: Path) -> None:
    async with await application(tmp_path, text=AGENT.replace(", approval: always", "")) as app:
        api = build_app(api_dependencies(app))
        body = {"tool_name": "peer__echo", "arguments": {"text": "picture"}}
        answer = (await request(api, "POST", "/execute_tool", json=body)).json()
        assert answer["response"] == "see\n[image of type image/gif, 14 bytes]"
        events = (await request(api, "GET", f"/runs/{answer['run_id']}/events")).json()["items"]
        (end,) = [event["data"] for event in events if event["type"] == "tool_call_finished"]
        assert [part["type"] for part in end["files"]] == ["image"]
        assert (await request(api, "GET", f"/files/{end['files'][0]['file']}")).body == b64decode(PICTURE)


LACKING = AGENT.replace("peer__echo, effects", "peer__gone, effects").replace("[fail, grow, new]", "[echo, ecko]")
PROBLEMS = (
    "the MCP server peer has no tool 'ecko', which `mcp_servers.peer.tools` names",
    "the MCP server peer has no tool 'peer__gone', which `tools` names",
)


async def test_tools_that_the_server_lacks_are_not_offered_and_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with await application(tmp_path, text=LACKING) as app:
        await until(lambda: [tool.name for tool in app.agents.agents["support"].spec.tools][1:] == ["peer__echo"])
        answer = await request(build_app(api_dependencies(app)), "GET", "/agents/support")
        assert answer.json()["problems"] == list(PROBLEMS)
        assert [tool["name"] for tool in answer.json()["tools"]] == ["current_time", "peer__echo"]
    assert [caplog.text.count(problem) for problem in PROBLEMS] == [1, 1]


def test_the_doctor_reports_them(tmp_path: Path) -> None:
    file = written(tmp_path, LACKING)
    settings = Settings(database_url="memory://", default_model="offline")
    assert mcp_servers(settings, file, ask=False).text == "1 server; --network also asks them for their tools"
    found = mcp_servers(settings, file, ask=True)
    assert (found.state, found.text) == ("warning", "; ".join(f"support: {problem}" for problem in PROBLEMS))


async def test_a_tool_is_shown_with_the_same_policy_before_its_server_was_reached(tmp_path: Path) -> None:
    shown = []
    for mode in ("mute", ""):
        async with await application(tmp_path, mode) as app:
            api = build_app(api_dependencies(app))
            agent = (await request(api, "GET", "/agents/support")).json()
            shown.append((await request(api, "GET", "/tools/peer__echo")).json())
            shown.append(next(tool for tool in agent["tools"] if tool["name"] == "peer__echo"))
    policies = [{name: tool[name] for name in POLICY} for tool in shown]
    assert policies[0] == policies[2]
    assert policies[1] == policies[3]
    assert (policies[0]["effects"], policies[1]["effects"]) == ("once", "none")


@cell(
    "MCP server",
    "before the start",
    "The start waits at most 2 s for it. Its tools are offered and answer `tool_unavailable` until it is there.",
)
async def test_a_server_that_hangs_delays_nothing_and_its_tool_says_so(tmp_path: Path) -> None:
    async with await application(tmp_path, "mute") as app:
        assert [tool.name for tool in app.agents.agents["support"].spec.tools] == ["current_time", "peer__echo"]
        invoker = app.registry.get("peer__echo").invoker
        assert invoker is not None
        with pytest.raises(ToolExecutionError) as unavailable:
            await invoker.invoke(calling("echo", text="x"), Host())
        assert unavailable.value.code == "tool_unavailable"
        assert app.mcp.servers.problems == {"peer": "it was not reached yet"}
