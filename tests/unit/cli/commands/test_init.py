from __future__ import annotations

import json
import re
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from journeyman import __version__
from journeyman.agent_files.file_model import agent_file_schema
from journeyman.cli.commands.init import FILES, SCHEMA, create_project
from journeyman.errors import ConfigurationError
from journeyman.events.messages import user
from journeyman.llm.client import ModelRequest, ToolDefinition
from journeyman.llm.offline.model import OfflineModel
from journeyman.server.loading import load
from journeyman.settings import Settings


def test_the_agent_is_named_after_the_folder(tmp_path: Path) -> None:
    made = create_project(tmp_path / "My Agent!")
    assert [str(path.relative_to(tmp_path / "My Agent!")) for path in made] == [*FILES, SCHEMA]
    assert "name: my-agent\n" in made[0].read_text()
    assert not [path for path in made if re.search("@[A-Z]+@", path.read_text())], "a placeholder was not filled"


def test_no_file_is_overwritten_and_no_project_is_half_made(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"\.env\.example: the file exists already"):
        create_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".env.example"]


def test_the_example_of_settings_can_be_read(tmp_path: Path) -> None:
    create_project(tmp_path)
    example = tmp_path / ".env.example"
    assert Settings.read(env_file=example).database_path == Path("journeyman.db")


def test_an_editor_finds_the_schema_of_this_release(tmp_path: Path) -> None:
    create_project(tmp_path)
    first = (tmp_path / "agent.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA}"
    assert json.loads((tmp_path / SCHEMA).read_text()) == agent_file_schema()


def installation(folder: Path, **files: str) -> PathDistribution:
    """An installed Journeyman, as its installer describes it."""
    information = folder / f"journeyman-{__version__}.dist-info"
    information.mkdir(parents=True)
    files = {"METADATA": f"Metadata-Version: 2.4\nName: journeyman\nVersion: {__version__}\n", "WHEEL": "x", **files}
    for name, text in files.items():
        (information / name).write_text(text)
    (information / "RECORD").write_text("".join(f"{information.name}/{name},,\n" for name in files))
    return PathDistribution(information)


def test_an_installation_from_an_index_is_required_by_its_version(tmp_path: Path) -> None:
    create_project(tmp_path / "trip", installation(tmp_path / "site"))
    assert (tmp_path / "trip/requirements.txt").read_text().endswith(f"\njourneyman=={__version__}\n")
    assert not (tmp_path / "trip/wheels").exists()
    assert "wheels" not in (tmp_path / "trip/Dockerfile").read_text()


def test_an_installation_from_elsewhere_puts_its_wheel_into_the_project(tmp_path: Path) -> None:
    """A name that no index has may be given to another package at any time: it is never asked for."""
    create_project(tmp_path / "trip", installation(tmp_path / "site", **{"direct_url.json": "{}"}))
    requirements = (tmp_path / "trip/requirements.txt").read_text()
    assert not re.search(r"^journeyman", requirements, re.MULTILINE)
    wheel = tmp_path / "trip" / requirements.splitlines()[-1]
    assert zipfile.is_zipfile(wheel)
    assert "\nCOPY wheels wheels\n" in (tmp_path / "trip/Dockerfile").read_text()
    assert "\n!wheels\n" in (tmp_path / "trip/.dockerignore").read_text()


async def test_the_offline_model_answers_what_the_project_asks(tmp_path: Path) -> None:
    create_project(tmp_path)
    loaded = await load(Settings.read(database_url="memory://"), tmp_path / "agent.yaml", offline=True)
    tools = tuple(ToolDefinition(one.name, one.description, one.parameters) for one in loaded.agents[0].spec.tools)
    await loaded.registry.aclose()
    question = re.search(r'journeyman run "([^"]+)"', (tmp_path / "README.md").read_text())
    assert question is not None
    request = ModelRequest(model="offline", messages=(user(question[1]),), tools=tools)
    [call] = (await OfflineModel().call(request)).message.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("distance", {"origin": "Oslo", "destination": "Rome"})
    vague = ModelRequest(model="offline", messages=(user("How far is Rome?"),), tools=tools)
    asked = (await OfflineModel().call(vague)).message.text
    assert "destination: Berlin, Lisbon, Oslo or Rome." in asked, "what it asks for says what may be answered"
