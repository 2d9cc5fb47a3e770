"""`journeyman test`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journeyman.cli.exit_codes import CONFIGURATION, FAILED, OK
from journeyman.cli.output import CommandOutput, Json
from journeyman.errors import ConfigurationError, Problem
from journeyman.settings import Settings

if TYPE_CHECKING:
    from journeyman.agent_tests.run_test import AgentTestResult

Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Test files, or folders of *.agent-test.yaml.")]


def run_tests(
    files: Files,
    agent: Annotated[
        Path | None, typer.Option(help="Agent file or folder of tests that do not say. [AGENT_PATH, else agent.yaml]")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Where a recorded run differs, record it anew.")] = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the results as JUnit XML.")] = None,
    json: Json = False,
) -> None:
    """Run agent tests: recorded runs played again, and scripted ones. No model is asked.

    Exit code 0: all hold; 1: some do not; 3: a test file or an agent cannot be used.
    """
    from journeyman.agent_tests.junit import junit_xml  # 0.4 s with all behind it, for these commands only

    output, settings = CommandOutput(json=json), Settings.read()
    quiet(settings)
    verdicts = asyncio.run(_tried(_found(files), settings, agent, update, output))
    if junit is not None:
        _write(junit, junit_xml(verdicts))
    passed = sum(verdict.passed for verdict in verdicts)
    output.show(
        {"passed": passed, "failed": len(verdicts) - passed, "tests": [_plain(verdict) for verdict in verdicts]},
        f"{passed} passed, {len(verdicts) - passed} failed",
    )
    raise typer.Exit(_code(verdicts))


def quiet(settings: Settings) -> None:
    """What fails in a test is what the test is about: the log says errors only, unless LOG_LEVEL says more."""
    from journeyman.telemetry.logs import setup as logs

    level = settings.log_level if "log_level" in settings.model_fields_set else "ERROR"
    logs.configure(level, settings.log_format, settings.secrets())


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be written ({exc.strerror}): choose another place") from exc


def _found(files: list[Path]) -> list[Path]:
    """Raises ConfigurationError for a folder without tests."""
    from journeyman.agent_tests.parsing import SUFFIX

    found: list[Path] = []
    for path in files:
        inside = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not inside:
            problem = Problem(f"the folder holds no *{SUFFIX}", str(path), remedy="name a file, or export a run")
            raise ConfigurationError("There is nothing to test:", [problem])
        found += inside
    return found


async def _tried(
    files: list[Path], settings: Settings, agent: Path | None, update: bool, output: CommandOutput
) -> list[AgentTestResult]:
    from journeyman.agent_tests import run_test as trial
    from journeyman.agent_tests.agents_under_test import AgentsUnderTest

    verdicts: list[AgentTestResult] = []
    async with AgentsUnderTest(settings, agent) as cast:
        for path in files:
            verdict, test = await trial.run_test_file(path, cast)
            if update and test is not None and not verdict.passed:
                verdict = trial.update(verdict, test)
            verdicts.append(verdict)
            if not output.json:
                _report(output, verdict)
    return verdicts


def _report(output: CommandOutput, verdict: AgentTestResult) -> None:
    word = ("updated" if verdict.updated else "ok") if verdict.passed else "FAILED"
    output.write(output.paint(f"{word:<7}", "green" if verdict.passed else "red"))
    output.line(f" {verdict.path}")
    for line in () if verdict.passed else verdict.text().splitlines():
        output.line(f"    {line}")


def _plain(verdict: AgentTestResult) -> dict[str, object]:
    return {
        "file": str(verdict.path),
        "name": verdict.name,
        "passed": verdict.passed,
        "updated": verdict.updated,
        "seconds": round(verdict.seconds, 3),
        "difference": verdict.text(),
    }


def _code(verdicts: list[AgentTestResult]) -> int:
    if any(isinstance(verdict.problem, ConfigurationError) for verdict in verdicts):
        return CONFIGURATION
    return OK if all(verdict.passed for verdict in verdicts) else FAILED
