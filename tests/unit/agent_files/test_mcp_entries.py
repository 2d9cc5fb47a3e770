"""MCP servers in agent files: what can be seen without the network, and the tools once they are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeyman.agent_files.file_model import McpServerEntry, ToolEntry
from journeyman.agent_files.mcp_entries import server_problems, server_use, with_mcp_tools
from journeyman.agents.spec import AgentSpec, ModelSettings
from journeyman.tools.schema import overrides
from journeyman.tools.spec import ToolSpec

SPEC = AgentSpec(type="react_agent", name="a", model=ModelSettings(name="m"))


def entry(**fields: Any) -> McpServerEntry:
    return McpServerEntry.model_validate(fields)


def shown(name: str) -> ToolSpec:
    return ToolSpec(name=f"files__{name}", description=name, parameters={"type": "object"})


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("Files!", {"url": "https://x.example"}, "name 'Files!' cannot be used"),
        ("a__b", {"url": "https://x.example"}, "cannot be used"),
        ("files", {}, "either a `command` or a `url`"),
        ("files", {"url": "https://x.example", "command": ["x"]}, "either a `command` or a `url`"),
        ("files", {"url": "ftp://x.example"}, "no http or https address"),
        ("files", {"url": "https://ann:secret@x.example"}, "no http or https address"),
        ("files", {"url": "https://x.example", "env": {"A": "b"}}, "`env` belongs to a `command`"),
        ("files", {"url": "https://x.example", "headers": {"Host": "y"}}, "the header 'Host' cannot be sent"),
        ("files", {"url": "https://x.example", "headers": {"X": "a\n"}}, "the header 'X' cannot be sent"),
        ("files", {"command": ["sh"], "headers": {"X": "y"}}, "`headers` belong to a `url`"),
        ("files", {"command": ["sh"], "cwd": ".."}, "`cwd` is no folder"),
        ("files", {"command": ["no-such-program-here"]}, "no-such-program-here is not there"),
    ],
)
def test_what_is_wrong_with_an_entry(name: str, fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    found = server_problems(name, entry(**fields), tmp_path, None)
    assert [finding for finding in found if message in finding[1]], found


@pytest.mark.parametrize(
    "fields", [{"url": "https://x.example/mcp", "headers": {"X-Key": "k"}}, {"command": ["sh", "-c", "true"]}]
)
def test_entries_that_are_fine(fields: dict[str, Any], tmp_path: Path) -> None:
    assert server_problems("my-files_2", entry(**fields), tmp_path, None) == []


def test_an_agent_has_the_tools_that_it_allows_and_stand_ins_for_those_it_names(tmp_path: Path) -> None:
    use = server_use(
        "files",
        entry(command=["sh"], tools=["read"], timeout_seconds=5),
        {"files__write": ToolEntry(name="files__write")},
        tmp_path,
    )
    spec, problems = with_mcp_tools(
        SPEC, [use], {"files": {"files__read": shown("read"), "files__list": shown("list")}}, overrides
    )  # type: ignore[arg-type]
    assert ([tool.name for tool in spec.tools], problems) == (["files__read", "files__write"], [])
    assert "not available now" in spec.tools[1].description
    assert spec.tools[0].timeout_seconds == 5


def test_a_new_listing_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    use = server_use("files", entry(command=["sh"]), {}, tmp_path)
    before, _ = with_mcp_tools(SPEC, [use], {"files": {"files__read": shown("read")}}, overrides)  # type: ignore[arg-type]
    after, _ = with_mcp_tools(before, [use], {"files": {"files__list": shown("list")}}, overrides)  # type: ignore[arg-type]
    assert [tool.name for tool in after.tools] == ["files__list"]


def test_an_override_that_cannot_be_applied_is_a_problem(tmp_path: Path) -> None:
    entries = {"files__read": ToolEntry(name="files__read", effects="none", cache_ttl=5, approval="never", retries=1)}
    use = server_use("files", entry(command=["sh"]), entries, tmp_path)
    strict = shown("read").__class__(name="files__read", description="", parameters={}, effects="once", declared=True)
    _, problems = with_mcp_tools(SPEC, [use], {"files": {"files__read": strict}}, overrides)  # type: ignore[arg-type]
    assert problems
    assert all(problem.startswith("files__read: ") for problem in problems)
