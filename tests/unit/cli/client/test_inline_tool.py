"""A tool called in this process, for debugging."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.cli.client.inline_tool import call_inline, traceback_text
from journeyman.errors import ToolExecutionError, ToolNotFoundError, ToolValidationError
from journeyman.events.codec import Codec
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.tool import BlockingToolContext, ToolContext, tool

SECRET = "sk-0123456789"


@tool(effects="none")
async def look(at: int, ctx: ToolContext) -> dict[str, Any]:
    """Look."""
    await ctx.progress(f"looking with {SECRET}")
    return {"at": at, "by": SECRET}


@tool(effects="none")
def reckon(a: int, ctx: BlockingToolContext) -> int:
    """Reckon in a worker, usually."""
    ctx.context.patch(thread={"a": a})
    return a + 1


@tool(effects="none")
async def fetch(ctx: ToolContext) -> str:
    """Fetch something."""
    return (await ctx.http.get("https://x.example/")).text


async def called(name: str, **arguments: Any) -> Any:
    registry = ToolRegistry()
    for each in (look, reckon, fetch):
        await registry.register_tool(each)
    return await call_inline(registry, name, arguments, Codec([SECRET]))


async def test_a_result_comes_back_with_known_secrets_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    assert await called("look", at="3") == {"at": 3, "by": "[secret]"}
    assert capsys.readouterr().err == "… looking with [secret]\n"


async def test_a_plain_function_is_called_here_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert await called("reckon", a=1) == 2
    assert "thread context: {'a': 1}" in capsys.readouterr().err


async def test_what_needs_a_server_says_so() -> None:
    with pytest.raises(ToolExecutionError, match="without --inline"):
        await called("fetch")
    with pytest.raises(ToolNotFoundError):
        await called("nope")
    with pytest.raises(ToolValidationError):
        await called("look", at="many")


@tool(effects="none")
def divide(a: int) -> int:
    """Divide in a worker, usually."""
    return _divided(a)


def _divided(a: int) -> int:
    return 1 // a


async def test_a_failure_is_told_with_the_lines_of_the_tool_s_own_code() -> None:
    registry = ToolRegistry()
    await registry.register_tool(divide)
    with pytest.raises(ToolExecutionError) as caught:
        await call_inline(registry, "divide", {"a": 0}, Codec())
    assert caught.value.__cause__ is not None
    lines = traceback_text(caught.value.__cause__).splitlines()
    assert "in divide" in lines[1]
    assert "return 1 // a" in "".join(lines)
    assert lines[-1] == "ZeroDivisionError: integer division or modulo by zero"
