"""docs/reference/graphs.md names every key, and its graph is one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from journeyman.agent_files.agent_types import AgentTypes
from journeyman.agent_files.definition import LoadContext, define_agent
from journeyman.agent_files.file_model import EdgeEntry, FileEntry, GraphEntry, NodeEntry
from journeyman.agent_files.graph_entries import NODE_KEYS
from journeyman.agent_files.yaml_reader import read_document
from journeyman.agents.graph.edge_conditions import EDGE_NAMES, ConditionView, compile_edge
from journeyman.agents.react import ReactAgent

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "graphs.md").read_text()


@pytest.mark.parametrize("entry", [GraphEntry, NodeEntry, EdgeEntry])
def test_every_key_has_its_row(entry: type[FileEntry]) -> None:
    assert not [key for key in _keys(entry) if f"| `{key}` |" not in PAGE]


def _keys(entry: type[FileEntry]) -> list[str]:
    return [field.alias or name for name, field in entry.model_fields.items()]


def test_every_type_is_named_at_the_keys_that_it_takes() -> None:
    own = {kind: [key for key in keys if key not in NODE_KEYS["agent"]] for kind, keys in NODE_KEYS.items()}
    for kind, keys in own.items():
        for key in keys:
            (row,) = re.findall(rf"^\| `{key}` \| ([^|]*) \|", PAGE, re.MULTILINE)
            assert f"`{kind}`" in row


def test_the_example_loads(load_context: Callable[..., LoadContext]) -> None:
    (snippet,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    document, problems = read_document(snippet.encode(), "graphs.md")
    assert document is not None
    surroundings = load_context(types=AgentTypes({"custom_react_agent": ReactAgent}))
    agent, found = define_agent(document, surroundings, default_name="example")
    assert not [*problems, *found]
    assert agent is not None


def test_every_name_of_a_condition_is_told_and_there() -> None:
    for name in ("state.tool_calls", "state.last_message", "state.result", "state.steps", "state.visits"):
        assert f"| `{name}` |" in PAGE
        assert compile_edge(f"{name} == null", ()).reads == (name,)
    assert {"state", "context"} == EDGE_NAMES
    assert compile_edge("context.thread == {} && context.global == {}", ()).holds(ConditionView())
