"""Tools that declare their files and could open those of the server are found at the start and at a reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.errors import ConfigurationError
from journeyman.server.composition import build
from journeyman.server.exposed_files import own_files
from journeyman.settings import Settings

TOOLS = """
from journeyman import tool

@tool(effects="none", permissions={permissions})
def look() -> str:
    "Look."
    return ""
"""


def project(folder: Path, permissions: str, tools: str = "tools") -> Path:
    (folder / tools).mkdir(exist_ok=True)
    (folder / tools / "look.py").write_text(TOOLS.format(permissions=permissions))
    (folder / "agent.yaml").write_text("type: react_agent\nname: shop\nmodel: offline\ntools: [look]\n")
    return folder / "agent.yaml"


def settings(folder: Path, **given: object) -> Settings:
    return Settings.read(None, database_url=f"sqlite:///{folder}/data/journeyman.db", **given)


async def test_a_tool_whose_paths_hold_the_journal_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as found:
        await build(settings(tmp_path), project(tmp_path, "{'files': ['data']}"))
    (problem,) = found.value.problems
    assert problem.message.startswith("tool 'look' declares its files, and may open ")
    assert "journeyman.db" in problem.message
    assert "move one of them" in str(problem.remedy)


def test_the_files_of_the_server(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40)
    found = own_files(settings(tmp_path, api_key_file=tmp_path / "key"))
    assert {path.name for path in found} == {"journeyman.db", ".env", "key"}
