"""`@tool` and `BaseTool`: what becomes a tool, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from journeyman.errors import ToolValidationError
from journeyman.tools.authoring.definition import declaration_of
from journeyman.tools.tool import BaseTool, ToolRetry, tool


def test_a_tool_stays_the_function_that_it_was() -> None:
    @tool
    async def look(at: str) -> str:
        return at

    @tool(name="see", effects="none")
    def watch(at: str) -> str:
        return at

    assert watch("x") == "x"
    first, second = declaration_of(look), declaration_of(watch)
    assert first is not None
    assert second is not None
    assert (first.name, first.effects, second.name, second.effects) == ("look", None, "see", "none")


def test_what_cannot_be_a_tool() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    def blocking() -> str:
        return ""

    with pytest.raises(ToolValidationError, match="a generator has none"):
        tool(numbers)
    with pytest.raises(ToolValidationError, match="derive BaseTool"):
        tool(BaseTool)
    with pytest.raises(ToolValidationError, match="runs in a process"):
        tool(isolation="inline")(blocking)
    with pytest.raises(ToolValidationError, match="effects is one of"):
        tool(effects="maybe")(blocking)  # type: ignore[call-overload]


def test_a_class_brings_a_schema_only_if_it_says_one() -> None:
    class Plain(BaseTool):
        name = "plain"
        description = "Plain."

        async def run(self, at: str) -> str:
            return at

    class Own(Plain):
        def get_spec(self) -> dict[str, Any]:
            return {"name": "own", "description": "Own.", "parameters": {"type": "object"}}

    assert (Plain.brings_schema, Own.brings_schema) == (False, True)
    assert Plain().get_spec()["parameters"]["required"] == ["at"]


def test_a_retry_says_when() -> None:
    assert (ToolRetry(after=2.0).retry_after, ToolRetry().retry_after) == (2.0, None)
