"""`journeyman graph`: draws an agent's graph, and with `--dry-run` runs it without effects."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from journeyman.agents.graph.drawing import graph_of, graph_picture, mermaid
from journeyman.agents.graph.walkthrough import EvaluatedCondition, TraceStep
from journeyman.cli.client.connect import configure_quiet_logs
from journeyman.cli.commands.approvals import parse_json_object
from journeyman.cli.commands.check import load_application
from journeyman.cli.exit_codes import FAILED, OK
from journeyman.cli.output import AgentPath, CommandOutput, Json, Offline
from journeyman.cli.reply_ending import ending_note
from journeyman.cli.table import compact_json
from journeyman.errors import NotFoundError
from journeyman.settings import Settings

if TYPE_CHECKING:
    from journeyman.runtime.use_cases.requests import RunResult

Agent = Annotated[str | None, typer.Option("--agent", help="The agent's name, needed if there are several.")]
Format = Annotated[Literal["mermaid", "json"], typer.Option("--format", help="Mermaid text, or nodes and edges.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Run the graph in memory, without side effects.")]
Input = Annotated[str, typer.Option("--input", help="With --dry-run: the message to the agent.")]
Script = Annotated[Path | None, typer.Option("--script", help="With --dry-run: a file with the model's replies.")]
Context = Annotated[str | None, typer.Option("--context", help="With --dry-run: the thread's context, a JSON object.")]


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
    """Draw an agent's graph as Mermaid text, or as nodes and edges (`--json` is `--format json`).

    With `--dry-run`, run the graph instead and print each node with the conditions that were evaluated. Only tools
    without effects are called. The functions of nodes run, and every approval is granted.
    """
    json = json or format == "json"
    if dry_run:
        values = None if context is None else parse_json_object(context, "--context")
        raise typer.Exit(_dry_run(path, agent, text, script, values, CommandOutput(json=json)))
    resolved = load_application(Settings.read(), path, offline=offline).agents.resolve(agent)
    definition = graph_of(resolved.spec.shown())
    if definition is None:
        raise NotFoundError(f"Agent {resolved.name!r} decides in code and has no graph.", code="no_graph")
    if json:
        CommandOutput(json=True).data(graph_picture(definition))
    else:
        CommandOutput().write(mermaid(definition))


def _dry_run(
    path: Path | None,
    agent: str | None,
    text: str,
    script: Path | None,
    context: dict[str, Any] | None,
    output: CommandOutput,
) -> int:
    from journeyman.server.dry_run import DryRun, dry_run  # 0.4 s, which drawing need not wait for

    settings = Settings.read()
    configure_quiet_logs(settings)
    request = DryRun(text=text, agent=agent, context=context, script=script)
    result, steps = asyncio.run(dry_run(settings, path, request))
    lines = [*(line for step in steps for line in _step_lines(step)), *_result_lines(result)]
    data = {"steps": steps, "status": result.status, "response": result.response, "error": result.error}
    output.show(data, "\n".join(lines))
    return OK if result.status == "finished" else FAILED


def _step_lines(step: TraceStep) -> Iterator[str]:
    name = step.node if step.visit == 1 else f"{step.node} (visit {step.visit})"
    indent = "  " * (step.branch.count("/") + 1) if step.branch else ""
    yield f"{indent}{name} [{step.type}]{f' in {step.branch}' if step.branch else ''}"
    for condition in step.asked:
        yield f"{indent}    {_condition_text(condition)}"
    if step.error is not None:
        yield f"{indent}    failed: {step.error}"
    if step.to:
        yield f"{indent}    -> {', '.join(step.to)}"


def _condition_text(condition: EvaluatedCondition) -> str:
    result = {True: "yes", False: "no", None: "no answer"}[condition.held]
    values = "".join(f"; {path} = {compact_json(value)}" for path, value in condition.values.items())
    return f"{condition.when} ? {result}{values}"


def _result_lines(result: RunResult) -> Iterator[str]:
    stopped = f", stopped at the limit {result.stopped_by}" if result.stopped_by else ""
    yield f"{result.status}{', denied by a human' if result.stopped_by == 'denied' else stopped}"
    if result.error is not None:
        yield f"{result.error.message} [{result.error.code}]"
    if result.response:
        yield result.response
    if note := ending_note(result.finish_reason):
        yield note
