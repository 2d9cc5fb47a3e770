"""Where agents and tools are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.errors import ConfigurationError
from journeyman.server.paths import agent_path, require_agent, tools_path
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


@pytest.mark.parametrize("name", ["agent_type", "agent_name", "agent_prompt", "agent_tools", "default_model"])
def test_without_a_file_a_setting_describes_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    require_agent(settings(**{name: "react_agent"}), None)
    with pytest.raises(ConfigurationError, match=rf"There is no agent here: the folder {tmp_path} has no agent.yaml"):
        require_agent(settings(port=1), None)
    require_agent(settings(), Path("given.yaml"))
    (tmp_path / "agent.yaml").touch()
    require_agent(settings(), None)
