"""`journeyman test`: runs agent tests."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journeyman.cli.exit_codes import CONFIGURATION, FAILED, OK
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import CommandOutput, Json
from journeyman.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from journeyman.agent_tests.run_test import AgentTestResult
    from journeyman.settings import Settings

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE…", help="Test files, or folders with *.agent-test.yaml files.")
]


def run_tests(
    files: Files,
    agent: Annotated[
        Path | None,
        typer.Option(help="The agent of tests that name none: a file or folder. [AGENT_PATH, else agent.yaml]"),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Record a run again if it differs from its recording.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the results as JUnit XML.")] = None,
    json: Json = False,
) -> None:
    """Run agent tests: replays of recorded runs, and runs with scripted replies. No model is called.

    Exit code 0: all tests pass; 1: some fail; 3: a test file or an agent cannot be used.
    """
    from journeyman.agent_tests.junit import junit_xml  # 0.4 s, for this command only

    output, settings = CommandOutput(json=json), read_settings()
    log_errors_only(settings)
    results = asyncio.run(_run_all(_find_tests(files), settings, agent, update, output))
    if junit is not None:
        _write(junit, junit_xml(results))
    passed = sum(result.passed for result in results)
    output.show(
        {"passed": passed, "failed": len(results) - passed, "tests": [_item(result) for result in results]},
        f"{passed} passed, {len(results) - passed} failed",
    )
    raise typer.Exit(_exit_code(results))


def log_errors_only(settings: Settings) -> None:
    """Log errors only, unless LOG_LEVEL is set: the warnings of a test's run are expected."""
    from journeyman.telemetry.logs import setup as logs

    level = settings.log_level if "log_level" in settings.model_fields_set else "ERROR"
    logs.configure(level, settings.log_format, settings.secrets())


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as exc:
        raise ConfigurationError(f"The file {path} cannot be written ({exc.strerror}). Choose another path.") from exc


def _find_tests(files: list[Path]) -> list[Path]:
    """Return the test files, those of folders in order. Raises ConfigurationError for a folder without tests."""
    from journeyman.agent_tests.parsing import SUFFIX

    found: list[Path] = []
    for path in files:
        inside = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not inside:
            problem = Problem(f"the folder holds no *{SUFFIX}", str(path), remedy="name a file, or export a run")
            raise ConfigurationError("There are no tests to run:", [problem])
        found += inside
    return found


async def _run_all(
    files: list[Path], settings: Settings, agent: Path | None, update: bool, output: CommandOutput
) -> list[AgentTestResult]:
    from journeyman.agent_tests import run_test
    from journeyman.agent_tests.agents_under_test import AgentsUnderTest

    results: list[AgentTestResult] = []
    async with AgentsUnderTest(settings, agent) as agents:
        for path in files:
            result, test = await run_test.run_test_file(path, agents)
            if update and test is not None and not result.passed:
                result = run_test.update(result, test)
            results.append(result)
            if not output.json:
                _print_result(output, result)
    return results


def _print_result(output: CommandOutput, result: AgentTestResult) -> None:
    word = ("updated" if result.updated else "ok") if result.passed else "FAILED"
    output.write(output.paint(f"{word:<7}", "green" if result.passed else "red"))
    output.line(f" {result.path}")
    for line in () if result.passed else result.text().splitlines():
        output.line(f"    {line}")


def _item(result: AgentTestResult) -> dict[str, object]:
    return {
        "file": str(result.path),
        "name": result.name,
        "passed": result.passed,
        "updated": result.updated,
        "seconds": round(result.seconds, 3),
        "difference": result.text(),
    }


def _exit_code(results: list[AgentTestResult]) -> int:
    if any(isinstance(result.problem, ConfigurationError) for result in results):
        return CONFIGURATION
    return OK if all(result.passed for result in results) else FAILED
