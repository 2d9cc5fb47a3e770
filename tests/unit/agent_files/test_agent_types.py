from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent_files.agent_types import UnknownAgentTypeError
from journeyman.agent_files.definition import LoadContext
from journeyman.errors import ConfigurationError

LoadContextFactory = Callable[..., LoadContext]


class Other:
    def decide(self, state: Any) -> tuple[Any, ...]:
        return ()


def plugin(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "journeyman.agents")


def test_a_registered_type_is_found(load_context: LoadContextFactory) -> None:
    types = load_context().types
    types.register("other", Other)
    assert types.resolve("other", None) is Other
    assert types.names() == ("other", "react_agent")


def test_a_name_is_registered_once_and_for_a_class_that_decides(load_context: LoadContextFactory) -> None:
    types = load_context().types
    with pytest.raises(ConfigurationError, match="registered already"):
        types.register("react_agent", Other)
    with pytest.raises(ConfigurationError, match="decide"):
        types.register("dict", dict)


def test_an_unknown_type_is_a_value_error_that_lists_the_known(load_context: LoadContextFactory) -> None:
    types = load_context(plugins=[plugin("planner", "no.such:thing")]).types
    with pytest.raises(UnknownAgentTypeError) as caught:
        types.resolve("reactagent", None)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, ConfigurationError)
    assert "did you mean react_agent? known types: planner, react_agent" in caught.value.message


def test_a_class_beside_the_agent_file(tmp_path: Path, load_context: LoadContextFactory) -> None:
    (tmp_path / "mine.py").write_text("class Mine:\n    def decide(self, state): return ()\nclass Plain: pass\nx = 1\n")
    (tmp_path / "mine.py").chmod(0o644)
    (tmp_path / "broken.py").write_text("import nothing_like_this\n")
    types = load_context().types
    assert types.resolve("mine:Mine", tmp_path).__name__ == "Mine"
    for name, message in {
        "mine:Plain": "decide",
        "mine:x": "decide",
        "mine:Nope": "no class Nope",
        "nope:Mine": "there is no file nope.py",
        "a-b:Mine": "module:Class",
        "..mine:Mine": "module:Class",
        "broken:Mine": "the file of the type broken:Mine cannot be used",
    }.items():
        with pytest.raises(ConfigurationError, match=message):
            types.resolve(name, tmp_path)
    with pytest.raises(ConfigurationError, match="needs an agent file"):
        types.resolve("mine:Mine", None)
    (tmp_path / "mine.py").chmod(0o666)
    with pytest.raises(ConfigurationError, match="every user of this machine may change"):
        types.resolve("mine:Mine", tmp_path)


def test_the_type_of_an_installed_package(load_context: LoadContextFactory) -> None:
    points = [plugin("planner", "textwrap:TextWrapper"), plugin("gone", "no_such_module:X")]
    types = load_context(plugins=points).types
    with pytest.raises(ConfigurationError, match="decide"):
        types.resolve("planner", None)
    with pytest.raises(ConfigurationError, match="cannot be imported"):
        types.resolve("gone", None)
