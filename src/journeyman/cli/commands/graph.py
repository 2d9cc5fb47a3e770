"""`journeyman graph`: the picture of an agent's graph, and with `--dry-run` a walk through it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from journeyman.agents.graph.drawing import graph_of, graph_picture, mermaid
from journeyman.agents.graph.walkthrough import EvaluatedCondition, TraceStep
from journeyman.cli.client.connect import log_quietly
from journeyman.cli.commands.check import check_path
from journeyman.cli.exit_codes import FAILED, OK
from journeyman.cli.output import AgentPath, CommandOutput, Json, Offline, compact
from journeyman.errors import NotFoundError, ValidationError
from journeyman.settings import Settings

if TYPE_CHECKING:
    from journeyman.runtime.use_cases.requests import RunResult

Agent = Annotated[str | None, typer.Option("--agent", help="Which agent, where there are several.")]
Format = Annotated[Literal["mermaid", "json"], typer.Option("--format", help="Mermaid text, or nodes and edges.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Walk it, in memory: nothing is changed outside.")]
Input = Annotated[str, typer.Option("--input", help="With --dry-run: what is said to the agent.")]
Script = Annotated[Path | None, typer.Option("--script", help="With --dry-run: the turns of a scripted model.")]
Context = Annotated[str | None, typer.Option("--context", help="With --dry-run: the thread's context, as JSON.")]


def graph(
    path: AgentPath = None,
    agent: Agent = None,
    format: Format = "mermaid",
    dry_run: DryRunOption = False,
    text: Input = "Hello",
    script: Script = None,
    context: Context = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Draw an agent's graph: Mermaid text, or nodes and edges (`--json` is `--format json`).

    With `--dry-run` walk it instead and print the way, node by node, with the conditions that were asked. Tools are
    called only if their effects are none, functions of nodes are run, and approvals are approved.
    """
    if dry_run:
        raise typer.Exit(
            _walk(path, agent, text, script, _parsed(context), CommandOutput(json=json or format == "json"))
        )
    found = check_path(Settings.read(), path, offline=offline).catalog.resolve(agent)
    shown = graph_of(found.spec.shown())
    if shown is None:
        raise NotFoundError(f"Agent {found.name!r} decides by code: it has no graph.", code="no_graph")
    if json or format == "json":
        CommandOutput(json=True).data(graph_picture(shown))
    else:
        CommandOutput().write(mermaid(shown))


def _parsed(context: str | None) -> dict[str, Any] | None:
    if context is None:
        return None
    try:
        return msgspec.json.decode(context, type=dict[str, Any])
    except msgspec.DecodeError as exc:
        raise ValidationError(f"--context is no JSON object: {exc}") from exc


def _walk(
    path: Path | None,
    agent: str | None,
    text: str,
    script: Path | None,
    context: dict[str, Any] | None,
    output: CommandOutput,
) -> int:
    from journeyman.server.dry_run import DryRun, dry_run  # 0.4 s that drawing need not wait for

    settings = Settings.read()
    log_quietly(settings)
    rehearsal = DryRun(text=text, agent=agent, context=context, script=script)
    result, steps = asyncio.run(dry_run(settings, path, rehearsal))
    told = "\n".join([*(line for step in steps for line in _lines(step)), *_end(result)])
    output.show({"steps": steps, "status": result.status, "response": result.response, "error": result.error}, told)
    return OK if result.status == "finished" else FAILED


def _lines(step: TraceStep) -> Iterator[str]:
    name = step.node if step.visit == 1 else f"{step.node} (visit {step.visit})"
    indent = "  " * (step.branch.count("/") + 1) if step.branch else ""
    yield f"{indent}{name} [{step.type}]{f' in {step.branch}' if step.branch else ''}"
    for asked in step.asked:
        yield f"{indent}    {_judgement(asked)}"
    if step.error is not None:
        yield f"{indent}    failed: {step.error}"
    if step.to:
        yield f"{indent}    -> {', '.join(step.to)}"


def _judgement(asked: EvaluatedCondition) -> str:
    held = {True: "yes", False: "no", None: "no answer"}[asked.held]
    values = "".join(f"; {path} = {compact(value)}" for path, value in asked.values.items())
    return f"{asked.when} ? {held}{values}"


def _end(result: RunResult) -> Iterator[str]:
    yield f"{result.status}{f', stopped at the limit {result.stopped_by}' if result.stopped_by else ''}"
    if result.error is not None:
        yield f"{result.error.message} [{result.error.code}]"
    if result.response:
        yield result.response
