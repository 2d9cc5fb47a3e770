"""`journeyman runs`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from journeyman.cli.fork import fork
from journeyman.cli.options import Json, Limit, Url
from journeyman.cli.output import Output, cell, compact
from journeyman.cli.reading import reading
from journeyman.cli.replay import export, replay
from journeyman.cli.threads import words
from journeyman.settings import Settings

app = typer.Typer(help="Executions of agents.", no_args_is_help=True)
app.command("fork")(fork)
app.command("replay")(replay)
app.command("export")(export)

MOST_EVENTS = 10_000  # that a trace is made from
RunId = Annotated[str, typer.Argument(metavar="RUN")]


@app.command("list")
def list_runs(
    status: Annotated[str | None, typer.Option(help="queued, running, paused, finished, failed or cancelled.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent's.")] = None,
    thread: Annotated[str | None, typer.Option(help="Only this thread's.")] = None,
    tool: Annotated[str | None, typer.Option(help="Only those that called this tool.")] = None,
    error_code: Annotated[str | None, typer.Option(help="Only those that failed so.")] = None,
    limit: Limit = 50,
    url: Url = None,
    json: Json = False,
) -> None:
    """List runs, the newest first."""
    asked = {"status": status, "agent": agent, "thread": thread, "tool": tool, "error_code": error_code}
    where = {name: value for name, value in asked.items() if value is not None}
    items = reading(Settings.read(), url).runs(where, limit)
    columns = ("run_id", "status", "agent", "thread_id", "accepted_at", "last_seq", "error_code")
    Output(json=json).items(items, columns, "No runs." if where else "No runs yet.")


@app.command("show")
def show(
    run_id: RunId,
    at: Annotated[int | None, typer.Option(min=1, help="Show its state as it was after this seq.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show a run and what happened in it; with --at, its state at that point."""
    source, output = reading(Settings.read(), url), Output(json=json)
    if at is not None:
        _state(output, source.state(run_id, at))
        return
    run, events = source.run(run_id), source.events(run_id, 0, 1000)
    if json:
        output.data({**run, "events": events})
        return
    _fields(output, run)
    output.line()
    _events(output, events)


def _state(output: Output, state: dict[str, Any]) -> None:
    if output.json:
        output.data(state)
        return
    _fields(output, {name: value for name, value in state.items() if name != "messages"})
    output.line()
    for message in state["messages"]:
        output.line(f"{message['role']:<9}  {words(message)}")


def _fields(output: Output, item: dict[str, Any]) -> None:
    for name, value in item.items():
        if value not in (None, "", [], (), {}):
            output.line(f"{name.replace('_', ' '):<14}  {cell(value)}")


@app.command("events")
def events(
    run_id: RunId,
    after: Annotated[int, typer.Option(min=0, help="Only those after this seq.")] = 0,
    limit: Limit = 1000,
    url: Url = None,
    json: Json = False,
) -> None:
    """Print a run's events; with --json one object a line."""
    output = Output(json=json)
    items = reading(Settings.read(), url).events(run_id, after, limit)
    if json:
        for item in items:
            output.write(compact(item) + "\n")
    else:
        _events(output, items)


@app.command("trace")
def trace(run_id: RunId, url: Url = None, json: Json = False) -> None:
    """Print a run's spans as a tree: what took how long, and when; of a run under way, what has ended."""
    from journeyman.cli.trace_tree import entries, tree
    from journeyman.telemetry.spans import spans

    output = Output(json=json)
    found = spans(run_id, entries(reading(Settings.read(), url).events(run_id, 0, MOST_EVENTS)))
    if json:
        output.data({"items": msgspec.to_builtins(found)})
    elif found:
        output.line(f"trace {found[0].trace_id}")
        for line in tree(found):
            output.line(line)
    else:
        output.line("Nothing of this run has ended yet.")


def _events(output: Output, items: list[dict[str, object]]) -> None:
    for item in items:
        said = compact(item["data"])
        text = said if len(said) <= 160 else said[:159] + "…"
        output.line(f"{item['seq']:>4}  {str(item['at'])[11:23]}  {item['type']:<18}  {text}")
