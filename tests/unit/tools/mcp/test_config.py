"""Names that an MCP server's tools have here."""

from __future__ import annotations

import re

from journeyman.tools.mcp.config import NAME_CAP, mcp_tool_name


def test_a_name_is_the_servers_and_the_tools() -> None:
    assert mcp_tool_name("files", "read_file") == "files__read_file"
    assert mcp_tool_name("files", "read file/ä") == "files__read_file__"


def test_a_long_name_is_cut_and_stays_different_from_others() -> None:
    one, other = mcp_tool_name("files", "x" * 100 + "a"), mcp_tool_name("files", "x" * 100 + "b")
    assert len(one) == len(other) == NAME_CAP
    assert one != other
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", one)
