from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from journeyman.agent_files.definition import LoadContext, define_agent
from journeyman.agent_files.file_model import (
    AgentFile,
    AuthEntry,
    BreakerEntry,
    GatewayEntry,
    HistoryEntry,
    LimitsEntry,
    ModelEntry,
    OpenApiEntry,
    OutputEntry,
    PermissionsEntry,
    ServiceEntry,
    TimeoutEntry,
    ToolEntry,
)
from journeyman.agent_files.yaml_reader import read_document

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "agent-yaml.md").read_text()
SNIPPETS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

LoadContextFactory = Callable[..., LoadContext]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_example_of_the_page_loads(snippet: str, load_context: LoadContextFactory) -> None:
    document, problems = read_document(snippet.encode(), "agent-yaml.md")
    assert document is not None
    surroundings = load_context(gateway_configured=True, default_model="gpt-5-mini")
    agent, found = define_agent(document, surroundings, default_name="example")
    assert agent is not None
    assert not [*problems, *found]


ENTRIES = [
    AgentFile,
    ModelEntry,
    ToolEntry,
    PermissionsEntry,
    OpenApiEntry,
    AuthEntry,
    LimitsEntry,
    HistoryEntry,
    OutputEntry,
    GatewayEntry,
    ServiceEntry,
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_key_has_its_row(entry: type[AgentFile]) -> None:
    for name, field in entry.model_fields.items():
        assert f"| `{field.alias or name}` |" in PAGE


@pytest.mark.parametrize("entry", [TimeoutEntry, BreakerEntry])
def test_every_key_within_a_service_has_its_row(entry: type[AgentFile]) -> None:
    group = entry.__name__.removesuffix("Entry").lower()
    for name in entry.model_fields:
        assert f"| `{group}.{name}` |" in PAGE


def test_every_default_of_a_number_is_named() -> None:
    for entry in (LimitsEntry, HistoryEntry):
        numbers = {name: field for name, field in entry.model_fields.items() if isinstance(field.default, int | float)}
        for name, field in numbers.items():
            rows = re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
            assert any(str(field.default).removesuffix(".0").lower() in row for row in rows), name
