from __future__ import annotations

import re
from pathlib import Path

import pytest

from journeyman.cli.commands.init import FILES, create_project
from journeyman.errors import ConfigurationError
from journeyman.settings import Settings


def test_the_agent_is_named_after_the_folder(tmp_path: Path) -> None:
    made = create_project(tmp_path / "My Agent!")
    assert [str(path.relative_to(tmp_path / "My Agent!")) for path in made] == list(FILES)
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
