"""Requirement: the examples of the document that the project began with work in spirit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from journeyman import AgentFactory, ToolRegistry, create_app
from journeyman.errors import ToolValidationError
from tests.harness.asgi_client import request

AGENT = "type: react_agent\nprompt: Test prompt\nmodel: offline\ntools: [get_username]\n"


@pytest.fixture
def config() -> dict[str, Any]:
    return {"type": "react_agent", "prompt": "Test prompt", "tools": []}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Any]:
    (tmp_path / "agent.yaml").write_text(AGENT)
    app = create_app(tmp_path / "agent.yaml", database_url="memory://")
    yield app
    await app.stop()


async def test_the_factory_makes_a_react_agent(config: dict[str, Any]) -> None:
    agent = await AgentFactory(config).create_agent()

    assert agent.type == "react_agent"
    await agent.aclose()


async def test_an_unknown_type_is_a_value_error_that_lists_the_known_ones(config: dict[str, Any]) -> None:
    config["type"] = "invalid"

    with pytest.raises(ValueError, match="react_agent"):
        await AgentFactory(config).create_agent()


async def test_the_registry_refuses_what_is_no_tool() -> None:
    with pytest.raises(ToolValidationError):
        await ToolRegistry().register_tool(None)


async def test_process_answers_with_a_response(app: Any) -> None:
    answer = await request(app, "POST", "/process", json={"thread_id": "test_thread", "user_input": "Test input"})

    assert answer.status == 200
    assert answer.json()["response"]


async def test_execute_tool_answers_with_a_response(app: Any) -> None:
    answer = await request(app, "POST", "/execute_tool", json={"tool_name": "get_username", "arguments": {}})

    assert answer.status == 200
    assert answer.json()["response"]
