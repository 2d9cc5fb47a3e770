"""MCP servers in agent files: what can be seen without the network, and the tools once they are known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journeyman.agent_files.file_model import McpServerEntry, ToolEntry
from journeyman.agent_files.mcp_entries import (
    MAX_TOOLS_OF_MODELS,
    server_problems,
    server_use,
    tool_count_problem,
    with_mcp_tools,
)
from journeyman.agents.spec import AgentSpec, ModelSettings
from journeyman.tools.mcp.listing import McpTool, listing_of
from journeyman.tools.schema import overrides
from journeyman.tools.spec import ToolSpec

SPEC = AgentSpec(type="react_agent", name="a", model=ModelSettings(name="m"))


def entry(**fields: Any) -> McpServerEntry:
    return McpServerEntry.model_validate(fields)


def shown(name: str) -> ToolSpec:
    return ToolSpec(name=f"files__{name}", description=name, parameters={"type": "object"})


def listing(*own_names: str) -> dict[str, Mapping[str, McpTool]]:
    """Return what the server `files` lists."""
    described = [{"name": name, "inputSchema": {"type": "object"}} for name in own_names]
    return {"files": listing_of("files", described).tools}


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
        ("files", {"command": ["no-such-program-here"]}, "no-such-program-here is not found"),
        ("files", {"command": ["sh", "no_such_server.sh"]}, "the script no_such_server.sh is not found"),
        ("files", {"command": ["./plain.txt"]}, "the command ./plain.txt may not be executed"),
    ],
)
def test_what_is_wrong_with_an_entry(name: str, fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").touch()
    found = server_problems(name, entry(**fields), tmp_path, None)
    assert [finding for finding in found if message in finding[1]], found


@pytest.mark.parametrize(
    "fields", [{"url": "https://x.example/mcp", "headers": {"X-Key": "k"}}, {"command": ["sh", "-c", "true"]}]
)
def test_entries_that_are_fine(fields: dict[str, Any], tmp_path: Path) -> None:
    assert server_problems("my-files_2", entry(**fields), tmp_path, None) == []


def test_an_agent_has_the_tools_that_it_names(tmp_path: Path) -> None:
    use = server_use(
        "files",
        entry(command=["sh"], tools=["read"], timeout_seconds=5),
        {"files__write": ToolEntry(name="files__write")},
        tmp_path,
    )
    spec, problems = with_mcp_tools(SPEC, [use], listing("read", "list", "write"), overrides)
    assert ([tool.name for tool in spec.tools], problems) == (["files__read", "files__write"], [])
    assert spec.tools[0].policy.timeout_seconds == 5


def test_tools_that_the_server_lacks_are_problems_and_no_tools(tmp_path: Path) -> None:
    entries = {"files__write": ToolEntry(name="files__write", effects="none")}
    use = server_use("files", entry(command=["sh"], tools=["read", "reed"]), entries, tmp_path)
    spec, problems = with_mcp_tools(SPEC, [use], listing("read", "list"), overrides)
    assert [tool.name for tool in spec.tools] == ["files__read"]
    assert problems == [
        "the MCP server files has no tool 'reed', which `mcp_servers.files.tools` names",
        "the MCP server files has no tool 'files__write', which `tools` names",
    ]


def test_a_server_without_any_tool_was_reached_too(tmp_path: Path) -> None:
    use = server_use("files", entry(command=["sh"], tools=["read"]), {}, tmp_path)
    assert len(with_mcp_tools(SPEC, [use], listing(), overrides)[1]) == 1
    assert with_mcp_tools(SPEC, [use], {}, overrides)[1] == []


def test_a_tool_that_is_changed_has_one_policy_whether_its_server_was_reached_or_not(tmp_path: Path) -> None:
    entries = {"files__read": ToolEntry(name="files__read", effects="none", cache_ttl=5)}
    use = server_use("files", entry(command=["sh"], tools=["read"], timeout_seconds=5), entries, tmp_path)
    (away,), (near,) = (
        with_mcp_tools(SPEC, [use], known, overrides)[0].tools for known in ({}, listing("read", "list"))
    )
    assert "not available now" in away.description
    assert away.policy == near.policy
    assert near.policy.effects == "none"


def test_tools_whose_registered_names_collide_are_named_by_the_servers_own_names(tmp_path: Path) -> None:
    use = server_use("files", entry(command=["sh"], tools=["read file"]), {}, tmp_path)
    spec, problems = with_mcp_tools(SPEC, [use], listing("read file", "read_file"), overrides)
    assert ([tool.name for tool in spec.tools], problems) == (["files__read_file_1214148e"], [])
    use = server_use("files", entry(command=["sh"], tools=["read_file"]), {}, tmp_path)
    spec, _ = with_mcp_tools(SPEC, [use], listing("read file", "read_file"), overrides)
    assert [tool.name for tool in spec.tools] == ["files__read_file"]


def test_more_tools_than_models_accept_are_a_problem() -> None:
    tools = tuple(shown(f"t{number}") for number in range(MAX_TOOLS_OF_MODELS + 1))
    assert tool_count_problem(msgspec.structs.replace(SPEC, tools=tools[:-1])) is None
    assert "has 129 tools" in (tool_count_problem(msgspec.structs.replace(SPEC, tools=tools)) or "")


def test_a_new_listing_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    use = server_use("files", entry(command=["sh"]), {}, tmp_path)
    before, _ = with_mcp_tools(SPEC, [use], listing("read"), overrides)
    after, _ = with_mcp_tools(before, [use], listing("list"), overrides)
    assert [tool.name for tool in after.tools] == ["files__list"]


def test_an_override_that_cannot_be_applied_is_a_problem(tmp_path: Path) -> None:
    entries = {"files__read": ToolEntry(name="files__read", effects="none", cache_ttl=5, approval="never", retries=1)}
    use = server_use("files", entry(command=["sh"]), entries, tmp_path)
    known = listing("read")["files"]["files__read"]
    strict = msgspec.structs.replace(known, spec=known.spec.with_policy(effects="once", declared=True))
    _, problems = with_mcp_tools(SPEC, [use], {"files": {"files__read": strict}}, overrides)
    assert problems
    assert all(problem.startswith("files__read: ") for problem in problems)
