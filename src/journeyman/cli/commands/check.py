"""`journeyman check` and `journeyman schema`: what `serve` does before it listens, and the shape of an agent file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from journeyman.cli.exit_codes import CONFIGURATION, OK
from journeyman.cli.output import AgentPath, CommandOutput, Json, Offline
from journeyman.errors import ConfigurationError, Problem
from journeyman.settings import Settings

if TYPE_CHECKING:
    from journeyman.server import Application


def check(
    path: AgentPath = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print problems only.")] = False,
) -> None:
    """Check settings, agents and tools as `serve` does. Every problem at once, with its place and a remedy."""
    output, settings = CommandOutput(json=json), Settings.read()
    try:
        application = check_path(settings, path, offline=offline)
    except ConfigurationError as exc:
        _report(output, exc.problems or (Problem(exc.message),))
        raise typer.Exit(CONFIGURATION) from None
    agents = {name: agent.version for name, agent in application.catalog.agents.items()}
    if json:
        output.data({"ok": True, "agents": agents, "problems": application.problems})
        raise typer.Exit(OK)
    _report(output, application.problems)
    if not quiet:
        for name, version in agents.items():
            output.line(f"{name} is fine (version {version})")


def check_path(settings: Settings, path: Path | None, *, offline: bool) -> Application:
    """Everything loaded and joined, nothing opened. Raises ConfigurationError with all problems."""
    from journeyman.server import build  # 0.4 s that a wrong command line need not wait for

    return asyncio.run(build(settings, path, offline=offline))


def _report(output: CommandOutput, problems: Sequence[Problem]) -> None:
    if output.json:
        output.data({"ok": False, "agents": {}, "problems": problems})
        return
    for problem in problems:
        for line in lines(problem):
            output.line(line)


def lines(problem: Problem) -> list[str]:
    """`file:line:column: severity: message`, as editors understand it, and the remedy under it."""
    place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part is not None)
    said = f"{place}: {problem.severity}: {problem.message}" if place else f"{problem.severity}: {problem.message}"
    return [said, *([f"    {problem.remedy}"] if problem.remedy else [])]


def schema() -> None:
    """Print the JSON Schema of an agent file, for editors."""
    from journeyman.agent_files.file_model import agent_file_schema

    CommandOutput(json=True).write(
        msgspec.json.format(msgspec.json.encode(agent_file_schema()), indent=2).decode() + "\n"
    )
