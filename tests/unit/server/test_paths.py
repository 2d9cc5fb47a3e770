"""Where agents and tools are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.server.paths import agent_path, tools_path
from journeyman.settings import Settings


def settings(**given: object) -> Settings:
    return Settings.read(env_file=None, **given)


def test_the_given_path_wins_over_the_setting_and_the_file_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert agent_path(settings(), None) is None
    (tmp_path / "agent.yaml").touch()
    assert agent_path(settings(), None) == Path("agent.yaml")
    assert agent_path(settings(agent_path=tmp_path), None) == tmp_path
    assert agent_path(settings(agent_path=tmp_path), Path("given.yaml")) == Path("given.yaml")


def test_tools_stand_beside_the_agents_unless_a_setting_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    assert tools_path(settings(), file) is None
    (tmp_path / "tools").mkdir()
    assert tools_path(settings(), file) == tools_path(settings(), tmp_path) == tmp_path / "tools"
    assert tools_path(settings(tools_path=tmp_path), file) == tmp_path
