"""`journeyman agents`: the agents of a path."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness.cli_runner import Shell


def test_agents_are_listed_with_their_models(shell: Shell, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"type: react_agent\nname: {name}\nmodel: offline\n")
    code, out = shell("agents", ".", "--json")
    assert (code, [agent["name"] for agent in json.loads(out)["items"]]) == (0, ["one", "two"])
    cut = json.loads(shell("agents", ".", "--limit", "1", "--json")[1])
    assert (len(cut["items"]), cut["cut"]) == (1, True)
