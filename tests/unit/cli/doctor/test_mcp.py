"""What the doctor says of MCP servers without asking any."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.cli.doctor.mcp import mcp_servers
from journeyman.settings import Settings

AGENT = "type: react_agent\nmodel: offline\n"
SERVERS = "mcp_servers: {docs: {url: 'http://127.0.0.1:9/mcp'}, files: {url: 'http://127.0.0.1:9/files'}}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (AGENT, "no agent uses an MCP server"),
        (AGENT + SERVERS, "2 servers; --network also asks them for their tools"),
    ],
)
def test_servers_are_counted_without_the_network(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "agent.yaml").write_text(text)
    found = mcp_servers(Settings(database_url="memory://"), tmp_path / "agent.yaml", ask=False)
    assert (found.what, found.state, found.text) == ("mcp", "fine", said)
