"""`journeyman check` of one agent file."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness.cli_runner import Shell


def test_a_file_that_is_fine(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\n")
    assert shell("check", "agent.yaml", "--offline")[0] == 0


def test_every_problem_is_told_with_its_place(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\ntools: [nope]\nprmopt: x\n")
    code, out = shell("check", "agent.yaml", "--json")
    problems = json.loads(out)["problems"]
    assert code != 0
    assert {(problem["line"], problem["severity"]) for problem in problems} == {(3, "error"), (4, "error")}
