"""`journeyman runs`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from journeyman.auth.principal import LOCAL_NAME
from journeyman.cli.client.queries import queries
from journeyman.cli.commands.fork import fork
from journeyman.cli.commands.replay import export, replay
from journeyman.cli.commands.threads import words
from journeyman.cli.output import CommandOutput, Json, Limit, Url, cell, compact
from journeyman.events.codec import rfc3339
from journeyman.settings import Settings

app = typer.Typer(help="Executions of agents.", no_args_is_help=True)
app.command("fork")(fork)
app.command("replay")(replay)
app.command("export")(export)


def _moment(said: str) -> str:
    """RFC 3339, in UTC where no zone is given. BadParameter."""
    try:
        moment = datetime.fromisoformat(said)
    except ValueError as exc:
        raise typer.BadParameter("write a time as 2026-11-28 or 2026-11-28T18:30:00Z") from exc
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return rfc3339(int(aware.timestamp() * 1_000_000))


Moment = Annotated[str | None, typer.Option(metavar="TIME", parser=_moment, help="A day or RFC 3339 time, UTC.")]
MOST_EVENTS = 10_000  # that a trace is made from
RunId = Annotated[str, typer.Argument(metavar="RUN")]


@app.command("list")
def list_runs(
    status: Annotated[str | None, typer.Option(help="queued, running, paused, finished, failed or cancelled.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent's.")] = None,
    thread: Annotated[str | None, typer.Option(help="Only this thread's.")] = None,
    tool: Annotated[str | None, typer.Option(help="Only those that called this tool.")] = None,
    parent: Annotated[str | None, typer.Option(metavar="RUN", help="Only those that this run started.")] = None,
    error_code: Annotated[str | None, typer.Option(help="Only those that failed so.")] = None,
    error_id: Annotated[str | None, typer.Option(help="The one with this error id.")] = None,
    request_id: Annotated[str | None, typer.Option(help="Those that this request started.")] = None,
    trace_id: Annotated[str | None, typer.Option(help="Those of this trace.")] = None,
    since: Moment = None,
    until: Moment = None,
    principal: Annotated[str | None, typer.Option(help="Whose, in the journal's file. [everyone's]")] = None,
    limit: Limit = 50,
    url: Url = None,
    json: Json = False,
) -> None:
    """List runs, the newest first. What is asked for may be combined."""
    if principal is not None and url is not None:
        raise typer.BadParameter("a server shows the runs of the key's own principal", param_hint="--principal")
    asked = {"status": status, "agent": agent, "thread": thread, "tool": tool, "parent": parent}
    asked |= {"error_code": error_code, "error_id": error_id, "request_id": request_id, "trace_id": trace_id}
    asked |= {"since": since, "until": until, "principal": principal}
    where = {name: value for name, value in asked.items() if value is not None}
    items = queries(Settings.read(), url, principal or LOCAL_NAME).runs(where, limit)
    columns = ("run_id", "status", "agent", "thread_id", "accepted_at", "last_seq", "error_code")
    CommandOutput(json=json).items(items, columns, "No runs." if where else "No runs yet.")


@app.command("show")
def show_run(
    run_id: RunId,
    at: Annotated[int | None, typer.Option(min=1, help="Show its state as it was after this seq.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show a run and what happened in it; with --at, its state at that point."""
    source, output = queries(Settings.read(), url), CommandOutput(json=json)
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


def _state(output: CommandOutput, state: dict[str, Any]) -> None:
    if output.json:
        output.data(state)
        return
    _fields(output, {name: value for name, value in state.items() if name != "messages"})
    output.line()
    for message in state["messages"]:
        output.line(f"{message['role']:<9}  {words(message)}")


def _fields(output: CommandOutput, item: dict[str, Any]) -> None:
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
    output = CommandOutput(json=json)
    items = queries(Settings.read(), url).events(run_id, after, limit)
    if json:
        for item in items:
            output.write(compact(item) + "\n")
    else:
        _events(output, items)


@app.command("trace")
def trace(run_id: RunId, url: Url = None, json: Json = False) -> None:
    """Print a run's spans as a tree: what took how long, and when; of a run under way, what has ended."""
    from journeyman.cli.trace_tree import entries, tree
    from journeyman.telemetry.tracing.spans import spans_of_run

    output = CommandOutput(json=json)
    found = spans_of_run(run_id, entries(queries(Settings.read(), url).events(run_id, 0, MOST_EVENTS)))
    if json:
        output.data({"items": msgspec.to_builtins(found)})
    elif found:
        output.line(f"trace {found[0].trace_id}")
        for line in tree(found):
            output.line(line)
    else:
        output.line("Nothing of this run has ended yet.")


def _events(output: CommandOutput, items: list[dict[str, object]]) -> None:
    for item in items:
        said = compact(item["data"])
        text = said if len(said) <= 160 else said[:159] + "…"
        output.line(f"{item['seq']:>4}  {str(item['at'])[11:23]}  {item['type']:<18}  {text}")
