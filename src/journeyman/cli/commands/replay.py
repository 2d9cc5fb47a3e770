"""`journeyman runs replay` and `journeyman runs export`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from journeyman.cli.client.queries import queries
from journeyman.cli.commands.test import quiet
from journeyman.cli.exit_codes import FAILED
from journeyman.cli.output import AgentPath, CommandOutput, Json, Url
from journeyman.errors import ConfigurationError, NotFoundError, ValidationError
from journeyman.settings import Settings

if TYPE_CHECKING:
    from journeyman.agent_tests.recording import Recording
    from journeyman.server.application import Application

T = TypeVar("T")
RunId = Annotated[str, typer.Argument(metavar="RUN")]


def replay(run_id: RunId, path: AgentPath = None, url: Url = None, json: Json = False) -> None:
    """Play a stored run again with today's agent and code, and say what differs. No model is asked, no tool is run.

    Exit code 1: something differs.
    """
    from journeyman.agent_tests.replay import ReplayReport, replay_run, with_prompts

    settings = Settings.read(agent_path=path)
    recorded = queries(settings, url).recording(run_id)

    async def play(application: Application) -> ReplayReport:
        return await replay_run(await with_prompts(recorded, application), application)

    result = _on_stage(settings, path, recorded, play)
    equal, difference = result.comparison.equal, result.comparison.text()
    counts = {"events": len(recorded.events), "events_now": len(result.today.events)}
    sentence = f"{run_id}: {len(recorded.events)} events, played again: {'equal' if equal else 'they differ'}"
    CommandOutput(json=json).show(
        {"run_id": run_id, "equal": equal, **counts, "difference": difference},
        f"{sentence}\n{difference}".rstrip(),
    )
    raise typer.Exit(0 if equal else FAILED)


def export(
    run_id: RunId,
    path: AgentPath = None,
    as_test: Annotated[bool, typer.Option("--as-test", help="As an agent test, for `journeyman test`.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--output", help="Write it there. [standard output]")] = None,
    url: Url = None,
) -> None:
    """Turn a stored run into a test that holds everything it needs: replies, results, answers, events."""
    from journeyman.agent_tests.replay import with_prompts
    from journeyman.agent_tests.writing import file_text

    if not as_test:
        raise ValidationError("Say what the run is to become: --as-test")
    if out is not None and out.exists():
        raise ValidationError(f"{out} exists already: choose another name, or `journeyman test --update {out}`")
    settings = Settings.read(agent_path=path)
    recorded = queries(settings, url).recording(run_id)
    recording = _on_stage(settings, path, recorded, lambda application: with_prompts(recorded, application))
    text = file_text(recording, agent=_agent(settings, path, out), description=_description(run_id, recording))
    if out is None:
        CommandOutput().write(text)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigurationError(f"{out} cannot be written ({exc.strerror}): choose another place") from exc
    CommandOutput().line(f"made {out}\nnext: journeyman test {out}")


def _on_stage(
    settings: Settings, path: Path | None, recorded: Recording, work: Callable[[Application], Awaitable[T]]
) -> T:
    from journeyman.agent_tests.agents_under_test import SCRIPTED, AgentsUnderTest

    quiet(settings)

    async def staged() -> T:
        async with AgentsUnderTest(settings, path) as cast:
            application = await cast.application(None, recorded.model or SCRIPTED)
            _check_agent(recorded.accepted.agent, application)
            return await work(application)

    return asyncio.run(staged())


def _check_agent(name: str | None, application: Application) -> None:
    """Without its files a run would be played by what is stored of its agent, all of whose tools are missing."""
    known = application.agents.agents
    if name is not None and name not in known:
        raise NotFoundError(
            f"There is no agent {name!r} here (there are: {', '.join(sorted(known)) or 'none'}): name its file or "
            "folder behind the run, or set AGENT_PATH"
        )


def _agent(settings: Settings, path: Path | None, out: Path | None) -> str | None:
    """Where the agent is, seen from the test file."""
    from journeyman.server.paths import agent_path

    chosen = agent_path(settings, path)
    return None if chosen is None else Path(os.path.relpath(chosen, out.parent if out else Path())).as_posix()


def _description(run_id: str, recording: Recording) -> str:
    message = recording.accepted.input
    said = " ".join(message.text.split())[:80] if message else "one tool call"
    return f"{run_id}: {said}"
