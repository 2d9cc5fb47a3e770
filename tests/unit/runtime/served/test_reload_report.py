"""Problems of a reload as the API shows them."""

from __future__ import annotations

from journeyman.errors import Problem
from journeyman.runtime.served.reload_report import problem_text


def test_a_problem_names_its_file_without_the_folders() -> None:
    problem = Problem("no such tool", "/srv/agents/support/agent.yaml", 3, 5, "remove it", "warning")
    assert problem_text(problem) == "agent.yaml:3:5: no such tool (remove it)"
    assert problem_text(Problem("no folder")) == "no folder"
