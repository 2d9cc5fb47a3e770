"""`journeyman runs replay` and `journeyman runs export`: replays a stored run, or makes a test of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from journeyman.cli.client.identifiers import find_run
from journeyman.cli.client.queries import queries
from journeyman.cli.commands.test import log_errors_only
from journeyman.cli.exit_codes import FAILED
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import AgentPath, CommandOutput, Json, RunId, Url
from journeyman.errors import ConfigurationError, NotFoundError, ValidationError

if TYPE_CHECKING:
    from journeyman.agent_tests.recording import Recording
    from journeyman.server.application import Application
    from journeyman.settings import Settings

T = TypeVar("T")


def replay(run_id: RunId, path: AgentPath = None, url: Url = None, json: Json = False) -> None:
    """Replay a stored run with the current agent and code, and print what differs.

    No model is called and no tool runs. Exit code 1: something differs.
    """
    from journeyman.agent_tests.replay import ReplayReport, replay_run, with_prompts

    settings = read_settings(agent_path=path)
    source = queries(settings, url)
    recording = source.recording(run_id := find_run(source, run_id))

    async def compare(application: Application) -> ReplayReport:
        return await replay_run(await with_prompts(recording, application), application)

    report = _with_agents(settings, path, recording, compare)
    equal, difference = report.comparison.equal, report.comparison.text()
    counts = {"events": len(recording.events), "events_now": len(report.today.events)}
    outcome = "is the same" if equal else "differs"
    sentence = f"The replay of {run_id} {outcome} ({len(recording.events)} recorded events)."
    CommandOutput(json=json).show(
        {"run_id": run_id, "equal": equal, **counts, "difference": difference},
        f"{sentence}\n{difference}".rstrip(),
    )
    raise typer.Exit(0 if equal else FAILED)


def export(
    run_id: RunId,
    path: AgentPath = None,
    as_test: Annotated[
        bool, typer.Option("--as-test", help="Write an agent test, for `journeyman test`. Required.")
    ] = False,
    out: Annotated[Path | None, typer.Option("-o", "--output", help="The file to write. [standard output]")] = None,
    url: Url = None,
) -> None:
    """Write a stored run as a test that contains all it needs: model replies, tool results, answers and events."""
    from journeyman.agent_tests.replay import with_prompts
    from journeyman.agent_tests.writing import file_text

    if not as_test:
        raise ValidationError("Pass --as-test to write the run as an agent test. There is no other format.")
    if out is not None and out.exists():
        raise ValidationError(
            f"The file {out} exists already. Choose another name, or run `journeyman test --update {out}`."
        )
    settings = read_settings(agent_path=path)
    source = queries(settings, url)
    stored = source.recording(run_id := find_run(source, run_id))
    recording = _with_agents(settings, path, stored, lambda application: with_prompts(stored, application))
    text = file_text(
        recording, agent=_agent_reference(settings, path, out), description=_description(run_id, recording)
    )
    if out is None:
        CommandOutput().write(text)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # for its owner alone: it holds what users said and what tools answered
        with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as exc:
        raise ConfigurationError(f"The file {out} cannot be written ({exc.strerror}). Choose another path.") from exc
    CommandOutput().line(f"made {out}\nnext: journeyman test {out}")


def _with_agents(
    settings: Settings, path: Path | None, recording: Recording, work: Callable[[Application], Awaitable[T]]
) -> T:
    """Load the agents under test and return what `work` does with them."""
    from journeyman.agent_tests.agents_under_test import SCRIPTED, AgentsUnderTest

    log_errors_only(settings)

    async def load_and_work() -> T:
        async with AgentsUnderTest(settings, path) as agents:
            application = await agents.application(None, recording.model or SCRIPTED)
            _check_agent(recording.accepted.agent, application)
            return await work(application)

    return asyncio.run(load_and_work())


def _check_agent(name: str | None, application: Application) -> None:
    """Raise NotFoundError if the run's agent was not loaded.

    Without its files, the run would be replayed with the stored definition of its agent, whose tools are missing.
    """
    known = application.agents.agents
    if name is not None and name not in known:
        raise NotFoundError(
            f"There is no agent {name!r} here (the agents are: {', '.join(sorted(known)) or 'none'}). Pass the agent's "
            "file or folder after the run, or set AGENT_PATH."
        )


def _agent_reference(settings: Settings, path: Path | None, out: Path | None) -> str | None:
    """Return the agent's path relative to the test file, or None if the agent has no file."""
    from journeyman.server.paths import agent_path

    chosen = agent_path(settings, path)
    return None if chosen is None else Path(os.path.relpath(chosen, out.parent if out else Path())).as_posix()


def _description(run_id: str, recording: Recording) -> str:
    message = recording.accepted.input
    summary = " ".join(message.text.split())[:80] if message else "one tool call"
    return f"{run_id}: {summary}"
