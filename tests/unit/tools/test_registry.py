from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from journeyman.clock import ManualClock
from journeyman.errors import Problem, ToolNotFoundError, ToolRegistrationError, ToolValidationError
from journeyman.tools.discovery.discovery import DiscoveredTool, Discovery
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.spec import ToolPolicy, ToolSpec
from journeyman.tools.tool import BaseTool, tool


@tool(effects="none")
async def shout(text: str, times: int = 1) -> str:
    """Shout."""
    return text.upper() * times


@tool(effects="none")
def slow_shout(text: str) -> str:
    """Shout from a process."""
    return text.upper()


class Box(BaseTool):
    name = "box"
    description = "A tool that holds state."

    def __init__(self, what: str) -> None:
        self.what = what

    async def run(self) -> str:
        return self.what


async def test_a_tool_is_registered_under_its_name():
    registry = ToolRegistry()
    registered = await registry.register_tool(shout)
    assert registry.tools["shout"] is registered is registry.get("shout")
    assert registry.tool_specs["shout"]["description"] == "Shout."
    assert registry.tool_specs["shout"]["parameters"]["required"] == ["text"]
    assert registered.spec.source.startswith("test_registry.py:")
    await registry.register_tool(Box("a"))
    assert registry.get("box").invoker is not None


@pytest.mark.parametrize("nonsense", [None, 3, "shout", len, print, Mock(), Box, lambda: None])
async def test_nonsense_is_refused(nonsense):
    with pytest.raises(ToolValidationError):
        await ToolRegistry().register_tool(nonsense)


async def test_a_name_is_taken_once():
    registry = ToolRegistry()
    await registry.register_tool(shout)
    with pytest.raises(ToolRegistrationError, match="registered already"):
        await registry.register_tool(shout)


async def test_a_plain_def_must_be_importable():
    registry = ToolRegistry()
    registered = await registry.register_tool(slow_shout)
    assert registered.target is not None
    assert registered.target.attribute == "slow_shout"

    @tool
    def nested() -> str:
        """Nested."""
        return ""

    with pytest.raises(ToolRegistrationError, match="top of a module"):
        await registry.register_tool(nested)
    box = Box("b")
    box.isolation = "process"
    with pytest.raises(ToolRegistrationError):
        await registry.register_tool(box)


async def test_arguments_are_checked_by_name():
    registry = ToolRegistry()
    await registry.register_tool(shout)
    assert registry.check_arguments("shout", '{"text": "a", "times": "2"}') == {"text": "a", "times": 2}
    with pytest.raises(ToolValidationError) as caught:
        registry.check_arguments("shout", '{"txt": "a"}')
    assert caught.value.code == "invalid_arguments"
    with pytest.raises(ToolNotFoundError, match="there are: shout"):
        registry.check_arguments("whisper", "{}")


async def discover_inline(path: Path) -> Discovery:
    async_file, def_file = path / "quick.py", path / "slow.py"
    spec = ToolSpec(name="quick", description="d", parameters={"type": "object"})
    shape = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": [], "additionalProperties": False}
    slow = ToolSpec(name="slow", description="d", parameters=shape, policy=ToolPolicy(isolation="process"))
    return Discovery(
        tools=(
            DiscoveredTool(spec=spec, target=ImportTarget(attribute="quick", file=str(async_file), root=str(path))),
            DiscoveredTool(spec=slow, target=ImportTarget(attribute="slow", file=str(def_file), root=str(path))),
        ),
        problems=(Problem("something else"),),
    )


async def test_only_files_with_inline_tools_are_imported(tmp_path):
    source = "from journeyman.tools.tool import tool\n@tool(effects='none')\nasync def quick(n: int): 'Q.'\n"
    (tmp_path / "quick.py").write_text(source)
    registry = await ToolRegistry.auto_register(tmp_path, discover=discover_inline)
    assert set(registry.tools) == {"quick", "slow", "get_username", "http_get", "current_time", "calculator"}
    assert [problem.message for problem in registry.problems] == ["something else"]
    assert registry.get("quick").invoker is not None
    assert registry.get("slow").invoker is None
    assert registry.get("slow").check_arguments('{"n": "4"}') == {"n": 4}
    await registry.aclose()


async def test_a_failing_second_import_is_a_problem(tmp_path):
    (tmp_path / "quick.py").write_text("raise RuntimeError('not twice')")
    registry = await ToolRegistry.auto_register(tmp_path, discover=discover_inline)
    assert "quick" not in registry.tools
    assert "not twice" in str(registry.problems[-1])


async def test_a_users_tool_may_take_a_built_in_name(tmp_path):
    async def discover(path: Path) -> Discovery:
        spec = ToolSpec(
            name="calculator", description="mine", parameters={"type": "object"}, policy=ToolPolicy(isolation="process")
        )
        return Discovery(
            tools=(DiscoveredTool(spec=spec, target=ImportTarget(attribute="calculator", file=str(path / "a.py"))),)
        )

    registry = await ToolRegistry.auto_register(tmp_path, discover=discover)
    assert registry.get("calculator").spec.description == "mine"


async def test_current_time_is_the_clocks():
    registry = await ToolRegistry.auto_register(clock=ManualClock())
    assert registry.get("current_time").check_arguments('{"timezone": "Asia/Tokyo"}') == {"timezone": "Asia/Tokyo"}
