"""The how-to's node type and agent type run, and are as short as it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman import AgentFactory
from journeyman.llm.fake.scripted import ScriptedModel
from tests.docs.test_snippets import DOCS, files_of, loose

PAGE = DOCS / "how-to/extend-agents.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in files_of(PAGE).items():
        (tmp_path / name).write_text(text)
    return tmp_path


async def test_the_type_of_node(folder: Path) -> None:
    agent = await AgentFactory(folder / "loud.yaml", models=ScriptedModel([{"text": "HELLO!!!"}])).create_agent()
    result = await agent.run("Hello", thread_id="t")
    assert (result.status, result.response) == ("finished", "HELLO!!!")
    await agent.aclose()


async def test_the_type_of_agent(folder: Path) -> None:
    model = ScriptedModel([{"text": "First."}, {"text": "Second."}])
    agent = await AgentFactory(folder / "second_thoughts.yaml", models=model).create_agent()
    result = await agent.run("Hello")
    assert (result.status, result.response) == ("finished", "Second.")
    await agent.aclose()


def test_each_is_under_thirty_lines() -> None:
    assert max(len(text.splitlines()) for text in (*files_of(PAGE).values(), *loose(PAGE, "python"))) < 30
