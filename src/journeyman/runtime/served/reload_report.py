"""What became of a reload: the agents that new runs find changed, or the problems that kept everything as it was."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from journeyman.errors import Problem


class AgentChange(NamedTuple):
    """An agent that new runs find changed. `before`: "" where it is new; `version`: "" where it is gone."""

    agent: str
    version: str
    before: str


class ReloadReport(NamedTuple):
    """One reload, at `at` (microseconds since the epoch). Not `applied`: everything is as it was."""

    at: int
    applied: bool
    changes: tuple[AgentChange, ...] = ()
    problems: tuple[Problem, ...] = ()


def change_text(problem: Problem) -> str:
    """A problem as the API shows it: with its file's name, without the folders."""
    file = Path(problem.file).name if problem.file else None
    return str(Problem(problem.message, file, problem.line, problem.column, problem.remedy, problem.severity))
