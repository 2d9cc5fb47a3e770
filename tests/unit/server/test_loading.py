"""Agents that a process serves, loaded and checked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from journeyman.server.loading import load
from journeyman.settings import Settings

AGENT = "type: react_agent\nname: {name}\nmodel: offline\nprompt: Hi.\n"


def settings(**given: object) -> Settings:
    return Settings.read(env_file=None, **given)


async def test_agents_of_a_folder_with_all_their_problems(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(AGENT.format(name="one"))
    (tmp_path / "two.yaml").write_text(AGENT.format(name="two") + "tools: [nope]\n")
    loaded = await load(settings(), tmp_path, offline=True)
    assert [agent.spec.name for agent in loaded.agents] == ["one"]
    assert [problem.message for problem in loaded.problems if "nope" in problem.message]
    assert "get_username" in loaded.registry.tools


async def test_an_older_version_is_built_from_its_definition(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(AGENT.format(name="one"))
    loaded = await load(settings(), tmp_path, offline=True)
    agent = loaded.build(loaded.agents[0].spec)
    assert (agent.name, agent.version) == ("one", loaded.agents[0].spec.version)


async def test_without_a_file_the_environment_describes_the_agent(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    loaded = await load(settings(agent_name="mine", default_model="offline"), None, offline=True)
    assert [agent.spec.name for agent in loaded.agents] == ["mine"]


TOOL = """\
import os

from journeyman import tool


TOKEN = os.environ.get("SHOP_TOKEN", "")


@tool(permissions={"env": ["SHOP_TOKEN"]}, effects="none", description=f"Order by {TOKEN[-4:]}.")
def order(text: str) -> str:
    return text
"""


async def test_agent_files_and_tools_see_the_file_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_USER", "of the process")
    (tmp_path / ".env").write_text("SHOP_NAME=corner-shop\nSHOP_USER=of the file\nSHOP_TOKEN=token-of-the-file\n")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "orders.py").write_text(TOOL)
    (tmp_path / "agent.yaml").write_text(AGENT.format(name="one") + "description: ${SHOP_NAME} ${SHOP_USER}\n")
    loaded = await load(Settings.read(), None, offline=True)
    await loaded.registry.aclose()
    assert [agent.spec.description for agent in loaded.agents] == ["corner-shop of the process"]
    assert {"corner-shop", "token-of-the-file"} <= set(loaded.secrets)
    assert {"SHOP_NAME", "SHOP_USER", "SHOP_TOKEN"} <= loaded.variable_names
    assert not {"SHOP_NAME", "SHOP_TOKEN"} & set(os.environ)
    assert loaded.registry.tools["order"].spec.description == "Order by file.", "its file was imported with it"
    assert loaded.problems == ()


async def test_a_tool_of_a_broken_file_is_not_unknown_as_well(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "orders.py").write_text(TOOL.replace("effects=", "effect="))
    (tmp_path / "one.yaml").write_text(AGENT.format(name="one") + "tools: [order, nope]\n")
    loaded = await load(settings(), tmp_path, offline=True)
    assert [problem.message for problem in loaded.problems if problem.severity == "error"] == [
        "tool 'order': @tool has no 'effect': did you mean effects?",
        "the tool nope is unknown",
    ]
