"""`journeyman graph`: the picture of an agent."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness.cli_runner import Shell


def test_an_agent_is_drawn_as_text_and_as_data(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\n")
    code, out = shell("graph", "agent.yaml")
    assert code == 0
    assert "-->" in out
    code, out = shell("graph", "agent.yaml", "--json")
    assert code == 0
    assert {"nodes", "edges"} <= set(json.loads(out))
