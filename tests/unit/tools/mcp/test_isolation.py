from __future__ import annotations

import pytest

from journeyman.tools.mcp.config import McpServerConfig
from journeyman.tools.mcp.isolation import describe_server_isolation
from journeyman.tools.sandbox.detection import AvailableIsolation

SPACES, NOTHING = AvailableIsolation(namespaces=True), AvailableIsolation()
STDIO = McpServerConfig(name="db", command=("db",))


@pytest.mark.parametrize(
    ("config", "isolation", "shown"),
    [
        (STDIO, SPACES, {"sandbox": "best", "level": "covered"}),
        (STDIO, NOTHING, {"sandbox": "best", "level": "none"}),
        (STDIO, None, {}),
        (McpServerConfig(name="db", command=("db",), sandbox="off"), SPACES, {"sandbox": "off", "level": "none"}),
        (McpServerConfig(name="db", command=("db",), sandbox="off"), None, {"sandbox": "off", "level": "none"}),
        (McpServerConfig(name="db", url="https://db.example"), None, {"sandbox": "best", "level": "remote"}),
    ],
)
def test_the_level_says_what_a_server_finds(
    config: McpServerConfig, isolation: AvailableIsolation | None, shown: dict[str, str]
) -> None:
    assert describe_server_isolation(config, isolation) == shown
