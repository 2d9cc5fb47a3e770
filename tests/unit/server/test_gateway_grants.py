from __future__ import annotations

import sys
from pathlib import Path

import pytest

from journeyman.environment import Environment
from journeyman.server.gateway_grants import unseen_variables
from journeyman.server.loading import load
from journeyman.settings import Settings
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.tool import tool

OPENAI = {"openai_base_url": "https://api.example/v1", "openai_api_key": "sk-of-the-environment"}
TOOL = """\
from journeyman import tool


@tool(permissions={"env": ["OPENAI_API_KEY"]}, effects="none")
def summarize(text: str) -> str:
    "Summarize a text."
    return text
"""
AGENT = f"""\
type: react_agent
model: MODEL
tools: [summarize]
mcp_servers:
  notes: {{command: ["{sys.executable}"], env: {{KEY: "${{OPENAI_API_KEY}}"}}}}
  named: {{command: ["{sys.executable}"], env: {{OPENAI_BASE_URL: "http://127.0.0.1:9"}}}}
  other: {{command: ["{sys.executable}"], env: {{KEY: "${{OTHER_KEY:-}}"}}}}
"""


async def warnings(folder: Path, model: str, **settings: str) -> list[str]:
    (folder / "tools").mkdir()
    (folder / "tools" / "summaries.py").write_text(TOOL)
    (folder / "agent.yaml").write_text(AGENT.replace("MODEL", model))
    loaded = await load(Settings.read(**settings), folder / "agent.yaml", offline=False)
    await loaded.registry.aclose()
    assert not [problem for problem in loaded.problems if problem.severity == "error"]
    return [problem.message for problem in loaded.problems if "is granted" in problem.message]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI["openai_api_key"])


async def test_who_is_granted_the_key_of_the_gateway_in_use_is_named(tmp_path: Path) -> None:
    assert await warnings(tmp_path, "gpt-5", **OPENAI) == [
        "the tool summarize is granted OPENAI_API_KEY, which belongs to the gateway of the models",
        "the MCP server notes is granted OPENAI_API_KEY, which belongs to the gateway of the models",
        "the MCP server named is granted OPENAI_BASE_URL, which belongs to the gateway of the models",
    ]


async def test_without_a_model_of_that_gateway_there_is_no_warning(tmp_path: Path) -> None:
    assert await warnings(tmp_path, "offline", **OPENAI) == []


async def test_with_another_gateway_there_is_no_warning(tmp_path: Path) -> None:
    assert await warnings(tmp_path, "gpt-5", litellm_gateway_url="http://127.0.0.1:9", **OPENAI) == []


SECRETS = ["API_KEY", "JOURNEYMAN_API_KEY", "JWT_SECRET_KEY", "LITELLM_GATEWAY_API_KEY", "REDIS_URL"]


async def errors(folder: Path, agent: str, tool: str = "") -> list[str]:
    (folder / "tools").mkdir(exist_ok=True)
    (folder / "tools" / "summaries.py").write_text(tool)
    (folder / "agent.yaml").write_text(f"type: react_agent\nmodel: offline\n{agent}")
    loaded = await load(Settings.read(env_file=None), folder / "agent.yaml", offline=False)
    await loaded.registry.aclose()
    return [problem.message for problem in loaded.problems if problem.severity == "error"]


async def test_no_mcp_server_is_given_a_secret_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "redis://127.0.0.1:9/0" if name == "REDIS_URL" else "k" * 43)
    monkeypatch.setenv("JWT_AUDIENCE", "a")
    monkeypatch.setenv("JWT_ISSUER", "i")
    command = f'command: ["{sys.executable}"]'
    servers = [f'  s{place}: {{{command}, env: {{KEY: "Bearer ${{{name}}}"}}}}\n' for place, name in enumerate(SECRETS)]
    named = f'  named: {{{command}, env: {{API_KEY: "${{OPENAI_API_KEY}}"}}}}\n'  # only named so
    assert await errors(tmp_path, f"mcp_servers:\n{''.join(servers)}{named}") == [
        f"the MCP server s{place} may not be granted {name}, which is a secret setting of the server"
        for place, name in enumerate(SECRETS)
    ]


async def test_no_tool_is_granted_a_secret_of_the_server(tmp_path: Path) -> None:
    code = (
        TOOL.replace("OPENAI_API_KEY", "LITELLM_GATEWAY_API_KEY")
        + """

@tool(effects="none")
def shorten(text: str) -> str:
    "Shorten a text."
    return text
"""
    )
    entries = "[{name: summarize, permissions: {env: []}}, {name: shorten, permissions: {env: [API_KEY]}}]"
    assert await errors(tmp_path, f"tools: {entries}\n", code) == [
        "the tool summarize may not be granted LITELLM_GATEWAY_API_KEY, which is a secret setting of the server",
        "the tool shorten may not be granted API_KEY, which is a secret setting of the server",
    ], "of the code, which other callers reach without an agent, and of an agent file"


async def test_a_tool_that_runs_inline_does_not_see_the_file_of_settings() -> None:
    @tool(effects="none", permissions={"env": ["SHOP_TOKEN", "SHOP_USER", "SHOP_NOTHING"]})
    async def order(text: str) -> str:
        "Order."
        return text

    registry = ToolRegistry()
    await registry.register_tool(order)
    [found] = unseen_variables(registry.tools, Environment({"SHOP_USER": "1"}, {"SHOP_TOKEN": "2", "SHOP_USER": "3"}))
    assert found.severity == "warning"
    assert found.message == "the tool order runs inline and does not see SHOP_TOKEN, which only .env sets"
