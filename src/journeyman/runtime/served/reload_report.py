"""The result of a reload: which agents changed for new runs, or which problems kept everything as it was."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from journeyman.errors import Problem


class AgentChange(NamedTuple):
    """A change of one agent for new runs. `before` is None where the agent is new, `version` where it is gone."""

    agent: str
    version: str | None
    before: str | None


class ReloadReport(NamedTuple):
    """One reload, at `at` (microseconds since the epoch). If it was not `applied`, everything is as it was."""

    at: int
    applied: bool
    changes: tuple[AgentChange, ...] = ()
    problems: tuple[Problem, ...] = ()


def problem_text(problem: Problem) -> str:
    """Return a problem as the API shows it: with the name of its file, without the folders."""
    file = Path(problem.file).name if problem.file else None
    return str(Problem(problem.message, file, problem.line, problem.column, problem.remedy, problem.severity))
