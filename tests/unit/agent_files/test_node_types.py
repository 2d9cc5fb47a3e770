"""The code of nodes: beside the agent file, registered, or in a package; rejected with a reason."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent_files.node_types import NodeTypes, register_node_type
from journeyman.agents.spec import GraphSpec, NodeSpec
from journeyman.errors import ConfigurationError
from journeyman.user_code.importing import import_file


async def ready(ctx: Any) -> None: ...


def graph(**node: Any) -> GraphSpec:
    return GraphSpec(start="n", nodes=(NodeSpec(name="n", **node),))


def types(*plugins: EntryPoint) -> NodeTypes:
    return NodeTypes(import_file, lambda: plugins)


async def test_a_function_beside_the_agent_file(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text("WORD = 'hi'\n")
    (tmp_path / "nodes.py").write_text("from .words import WORD\nasync def say(ctx):\n    return {'word': WORD}\n")
    found = types()
    for spec in (graph(type="function", call="nodes:say"), graph(type="nodes:say")):
        assert await found.functions(spec, tmp_path)["n"](None) == {"word": "hi"}
    assert found.functions(graph(type="llm"), tmp_path) == {}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("nodes:missing", "is no `async def`"),
        ("nodes:plain", "is no `async def`"),
        ("broken:say", "the import failed: ZeroDivisionError"),
        ("nothing:say", "nothing.py"),
        ("..up:say", ""),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, call: str, said: str) -> None:
    (tmp_path / "nodes.py").write_text("def plain(ctx):\n    return None\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    with pytest.raises(ConfigurationError) as caught:
        types().functions(graph(type="function", call=call), tmp_path)
    assert said in caught.value.message


def test_a_mapping_without_a_file_has_no_functions() -> None:
    with pytest.raises(ConfigurationError, match="no agent file"):
        types().functions(graph(type="function", call="nodes:say"), None)


def test_a_registered_type_and_one_of_a_package() -> None:
    register_node_type("ready_for_tests", ready)
    register_node_type("ready_for_tests", ready)
    plugin = EntryPoint("packed", f"{__name__}:ready", "journeyman.nodes")
    found = types(plugin)
    assert {"packed", "ready_for_tests"} <= set(found.names())
    assert found.functions(graph(type="ready_for_tests"), None) == {"n": ready}
    with pytest.raises(ConfigurationError, match="unknown"):
        found.functions(graph(type="unknown_type"), None)
    broken = types(EntryPoint("packed", "no_such_module_here:ready", "journeyman.nodes"))
    with pytest.raises(ConfigurationError, match="cannot be imported"):
        broken.functions(graph(type="packed"), None)


def test_a_name_is_given_once() -> None:
    async def other(ctx: Any) -> None: ...

    register_node_type("taken_in_tests", ready)
    for name, function in (("taken_in_tests", other), ("llm", ready), ("plain_in_tests", len)):
        with pytest.raises(ConfigurationError):
            register_node_type(name, function)  # type: ignore[arg-type]
