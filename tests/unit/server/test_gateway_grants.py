from __future__ import annotations

import sys
from pathlib import Path

import pytest

from journeyman.server.loading import load
from journeyman.settings import Settings

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


@pytest.mark.parametrize("name", SECRETS)
async def test_no_mcp_server_is_given_a_secret_of_the_server(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "redis://127.0.0.1:9/0" if name == "REDIS_URL" else "k" * 43)
    if name == "JWT_SECRET_KEY":
        monkeypatch.setenv("JWT_AUDIENCE", "a")
        monkeypatch.setenv("JWT_ISSUER", "i")
    server = f'  notes: {{command: ["{sys.executable}"], env: {{KEY: "Bearer ${{{name}}}"}}}}\n'
    assert await errors(tmp_path, f"mcp_servers:\n{server}") == [
        f"the MCP server notes may not be granted {name}, which is a secret setting of the server"
    ]


async def test_a_variable_that_is_only_named_so_is_given(tmp_path: Path) -> None:
    server = f'  notes: {{command: ["{sys.executable}"], env: {{API_KEY: "${{OPENAI_API_KEY}}"}}}}\n'
    assert await errors(tmp_path, f"mcp_servers:\n{server}") == []


async def test_no_tool_is_granted_a_secret_of_the_server(tmp_path: Path) -> None:
    code = TOOL.replace("OPENAI_API_KEY", "LITELLM_GATEWAY_API_KEY")
    said = "the tool summarize may not be granted LITELLM_GATEWAY_API_KEY, which is a secret setting of the server"
    assert await errors(tmp_path, "", code) == [said], "other callers reach it without an agent"
    assert await errors(tmp_path, "tools: [{name: summarize, permissions: {env: []}}]\n", code) == [said]
    code = TOOL.replace('permissions={"env": ["OPENAI_API_KEY"]}, ', "")
    entry = "tools: [{name: summarize, permissions: {env: [LITELLM_GATEWAY_API_KEY]}}]\n"
    assert await errors(tmp_path, entry, code) == [said], "granted by the agent file"
