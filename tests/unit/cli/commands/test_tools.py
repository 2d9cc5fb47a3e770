"""`journeyman tools` over agent files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journeyman.cli import main
from tests.harness.cli_runner import Shell

AGENT = """type: react_agent
name: shop
model: offline
tools: [calculator, current_time, orders__find]
mcp_servers: {orders: {command: [sh]}}
"""


@pytest.fixture
def agent() -> None:
    """An agent in the current folder, whose MCP server is not started by a list."""
    Path("agent.yaml").write_text(AGENT)


def test_tools_are_listed_by_the_bare_command_too(shell: Shell, agent: None) -> None:
    code, out = shell("tools", "--limit", "1", "--json")
    cut = json.loads(out)
    assert (code, len(cut["items"]), cut["cut"]) == (0, 1, True)


def test_a_list_without_a_server_says_whose_tools_it_lacks(
    shell: Shell, agent: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tools", "list"]) == 0
    printed = capsys.readouterr()
    assert "calculator" in printed.out
    assert "the MCP servers orders" in printed.err
