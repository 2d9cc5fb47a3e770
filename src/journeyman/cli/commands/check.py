"""`journeyman check` checks what `serve` would load, and `journeyman schema` prints the schema of an agent file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from journeyman.cli.exit_codes import CONFIGURATION, OK
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import AgentPath, CommandOutput, Json, Offline
from journeyman.errors import ConfigurationError, Problem
from journeyman.server.paths import require_agent

if TYPE_CHECKING:
    from journeyman.server import Application
    from journeyman.settings import Settings


def check(
    path: AgentPath = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only problems.")] = False,
) -> None:
    """Check settings, agents and tools as `serve` does, and print every problem with its place and a remedy."""
    output, settings = CommandOutput(json=json), read_settings()
    try:
        require_agent(settings, path)
        application = load_application(settings, path, offline=offline)
    except ConfigurationError as exc:
        _print_problems(output, exc.problems or (Problem(exc.message),))
        raise typer.Exit(CONFIGURATION) from None
    agents = {name: agent.version for name, agent in application.agents.agents.items()}
    if json:
        output.data({"ok": True, "agents": agents, "problems": application.problems})
        raise typer.Exit(OK)
    _print_problems(output, application.problems)
    if not quiet:
        for name, version in agents.items():
            output.line(f"Agent {name} can be served (version {version}).")


def load_application(settings: Settings, path: Path | None, *, offline: bool) -> Application:
    """Build the application from its files without opening it. Raises ConfigurationError with all problems."""
    from journeyman.server import build  # 0.4 s, which a wrong command line need not wait for

    return asyncio.run(build(settings, path, offline=offline))


def _print_problems(output: CommandOutput, problems: Sequence[Problem]) -> None:
    if output.json:
        output.data({"ok": False, "agents": {}, "problems": problems})
        return
    for problem in problems:
        for line in problem_lines(problem):
            output.line(line)


def problem_lines(problem: Problem) -> list[str]:
    """Return `file:line:column: severity: message`, which editors understand, and a line with the remedy if any."""
    place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part is not None)
    text = f"{problem.severity}: {problem.message}"
    return [f"{place}: {text}" if place else text, *([f"    {problem.remedy}"] if problem.remedy else [])]


def schema() -> None:
    """Print the JSON Schema of an agent file, for editors."""
    from journeyman.agent_files.file_model import agent_file_schema

    CommandOutput(json=True).write(
        msgspec.json.format(msgspec.json.encode(agent_file_schema()), indent=2).decode() + "\n"
    )
