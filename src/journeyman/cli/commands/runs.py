"""`journeyman runs`: lists runs and shows what happened in them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from journeyman.auth.principal import LOCAL_NAME
from journeyman.cli.bare_group import list_when_bare
from journeyman.cli.client.connect import configure_quiet_logs, journal_file, running_server
from journeyman.cli.client.follow_run import StreamFollower
from journeyman.cli.client.http_client import HttpApiClient
from journeyman.cli.client.identifiers import find_run, find_thread
from journeyman.cli.client.queries import Queries, ServerQueries, queries
from journeyman.cli.commands.fork import fork, retry
from journeyman.cli.commands.replay import export, replay
from journeyman.cli.commands.run import exit_code_of, run_ahead
from journeyman.cli.commands.threads import message_text
from journeyman.cli.exit_codes import FAILED, OK
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import ALL, All, CommandOutput, Json, Limit, RunId, Url, Wide, limit_of
from journeyman.cli.run_columns import COLUMNS, run_cells
from journeyman.cli.table import cell, compact_json
from journeyman.clock import SystemClock
from journeyman.errors import ServiceUnavailableError, ValidationError
from journeyman.events.codec import rfc3339

if TYPE_CHECKING:
    from journeyman.settings import Settings

MAX_SHOWN_EVENTS = 1000  # by `runs show`
MAX_TRACED_EVENTS = 10_000
MAX_DATA_CHARACTERS = 160  # of an event, on its line

app = typer.Typer(help="List, show, follow, cancel, replay, export, fork and retry runs.", invoke_without_command=True)


app.command("fork")(fork)
app.command("retry")(retry)
app.command("replay")(replay)
app.command("export")(export)


def _parse_time(text: str) -> str:
    """Return a time as RFC 3339, taken as UTC if it has no zone. Raises typer.BadParameter."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter("Write a time as 2026-11-28 or 2026-11-28T18:30:00Z.") from exc
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return rfc3339(int(aware.timestamp() * 1_000_000))


Time = Annotated[
    str | None, typer.Option(metavar="TIME", parser=_parse_time, help="A day or an RFC 3339 time, UTC by default.")
]


@app.command("list")
def list_runs(
    status: Annotated[
        str | None, typer.Option(help="Only runs that are queued, running, paused, finished, failed or cancelled.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    thread: Annotated[str | None, typer.Option(help="Only runs of this thread.")] = None,
    tool: Annotated[str | None, typer.Option(help="Only runs that called this tool.")] = None,
    parent: Annotated[str | None, typer.Option(metavar="RUN", help="Only child runs of this run.")] = None,
    error_code: Annotated[str | None, typer.Option(help="Only runs that failed with this error code.")] = None,
    error_id: Annotated[str | None, typer.Option(help="Only the run with this error id.")] = None,
    request_id: Annotated[str | None, typer.Option(help="Only runs that this request started.")] = None,
    trace_id: Annotated[str | None, typer.Option(help="Only runs of this trace.")] = None,
    since: Time = None,
    until: Time = None,
    principal: Annotated[
        str | None, typer.Option(help="Only runs of this principal, from the journal file. [all principals]")
    ] = None,
    limit: Limit = 50,
    all: All = False,
    wide: Wide = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """List runs, newest first. Filters can be combined."""
    if principal is not None and url is not None:
        raise typer.BadParameter(
            "It cannot be combined with --url: a server shows the runs of the key's principal.",
            param_hint="--principal",
        )
    filters = {"status": status, "agent": agent, "thread": thread, "tool": tool, "parent": parent}
    filters |= {"error_code": error_code, "error_id": error_id, "request_id": request_id, "trace_id": trace_id}
    filters |= {"since": since, "until": until, "principal": principal}
    where = {name: value for name, value in filters.items() if value is not None}
    source = queries(read_settings(), url, principal or LOCAL_NAME)
    where |= {"thread": find_thread(source, thread)} if thread else {}
    where |= {"parent": find_run(source, parent)} if parent else {}
    _print_list(source, where, limit_of(limit, all), CommandOutput(json=json, wide=wide))


list_when_bare(app, list_runs, "List runs, or work on one with a command. `runs list` has filters.")


def _print_list(source: Queries, where: dict[str, str], limit: int, output: CommandOutput) -> None:
    items = source.runs(where, limit + 1)
    rows = items if output.json else list(map(run_cells, items))
    output.items(rows, COLUMNS, "No run matches." if where else "There are no runs yet.", limit=limit)


@app.command("cancel")
def cancel(
    run_id: Annotated[
        str | None, typer.Argument(metavar="RUN", help="The run to cancel: its id, a beginning of it, or `last`.")
    ] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Cancel all runs that wait for what is not here.")] = False,
    agent: Annotated[str | None, typer.Option(help="With --waiting: only runs of this agent.")] = None,
    older_than: Annotated[
        float | None, typer.Option(min=0, help="With --waiting: only runs that wait for this many seconds or longer.")
    ] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Cancel one run, or all that wait for what is not here. It needs no server and none of their agents."""
    if waiting == (run_id is not None):
        raise ValidationError("Name a run, or pass --waiting.")
    settings, output = read_settings(), CommandOutput(json=json)
    server = running_server(settings, url)
    if run_id is not None:
        run_id = find_run(ServerQueries(server) if server else queries(settings, None), run_id)
        cancelled = _cancel_on_server(server, run_id) if server else _cancel_in_journal(settings, run_id=run_id)
    else:
        where = {name: value for name, value in (("agent", agent), ("older_than", older_than)) if value is not None}
        cancelled = _cancel_on_server(server, None, where) if server else _cancel_in_journal(settings, where)
    result = {"count": len(cancelled), "run_ids": cancelled}
    output.show(result, "\n".join(cancelled) or "No run waits for what is not here.")


def _cancel_on_server(server: HttpApiClient, run_id: str | None, where: dict[str, Any] | None = None) -> list[str]:
    with server as client:
        if run_id is not None:
            client.call("POST", f"/runs/{quote(run_id, safe='')}/cancel", {})
            return [run_id]
        found: list[str] = client.call("POST", "/runs/cancel", where or {})["run_ids"]
        return found


def _cancel_in_journal(settings: Settings, where: dict[str, Any] | None = None, run_id: str | None = None) -> list[str]:
    from journeyman.cli.client.without_server import cancel_in_journal  # imports the server's parts

    configure_quiet_logs(settings)
    journal_file(settings)
    return asyncio.run(cancel_in_journal(settings, where or {}, run_id))


@app.command("show")
def show_run(
    run_id: RunId,
    at: Annotated[int | None, typer.Option(min=1, help="Show the state after this event, a seq.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show a run and its events, or with --at the state that it had after an event."""
    source, output = queries(read_settings(), url), CommandOutput(json=json)
    run_id = find_run(source, run_id)
    if at is not None:
        _print_state(output, source.state(run_id, at))
        return
    run, events = source.run(run_id), source.events(run_id, 0, MAX_SHOWN_EVENTS)
    printed = source.tool_output(run_id)
    if json:
        output.data({**run, "events": events, "tool_output": printed})
        return
    _print_fields(output, {name: value for name, value in run_cells(run).items() if name != "usage"})
    output.line()
    _print_events(output, events)
    for each in printed:
        output.line(f"\n{each['tool']} ({each['call']}) printed:")
        for line in each["text"].splitlines():
            output.line(f"    {line}")


@app.command("why")
def explain_run(run_id: RunId, url: Url = None, json: Json = False) -> None:
    """Say why a run asked, waited, retried, stopped, and what it cost."""
    source, output = queries(read_settings(), url), CommandOutput(json=json)
    found = source.explanations(find_run(source, run_id))
    if json:
        output.data(found)
        return
    for each in found["items"]:
        output.line(f"{each['seq']:>5}  {each['sentence']}")
    if found["left_out"]:
        output.line(f"{found['left_out']} sentences of the middle are left out.")
    if not found["items"]:
        output.line("There is nothing to explain yet.")


def _print_state(output: CommandOutput, state: dict[str, Any]) -> None:
    if output.json:
        output.data(state)
        return
    _print_fields(output, {name: value for name, value in state.items() if name != "messages"})
    output.line()
    for message in state["messages"]:
        output.line(f"{message['role']:<9}  {message_text(message)}")


def _print_fields(output: CommandOutput, item: dict[str, Any]) -> None:
    for name, value in item.items():
        if value not in (None, "", [], (), {}):
            output.line(f"{name.replace('_', ' '):<14}  {cell(value)}")


@app.command("events")
def events(
    run_id: RunId,
    after: Annotated[int, typer.Option(min=0, help="Only events after this seq.")] = 0,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with new events until the run ends or waits for a human.")
    ] = False,
    limit: Limit = 1000,
    all: All = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Print a run's events. With --json, each line is one JSON object."""
    settings, output = read_settings(), CommandOutput(json=json)
    source = queries(settings, url)
    run_id = find_run(source, run_id)
    if follow:
        raise typer.Exit(_follow(output, settings, url, run_id, after))
    items = source.events(run_id, after, limit_of(limit, all) + 1)
    shown = items[: limit_of(limit, all)]
    _print_event_lines(output, shown)
    if len(shown) < len(items):
        output.note(f"There are later events than these {len(shown)}. Pass --limit N or --all.")


def _follow(output: CommandOutput, settings: Settings, url: str | None, run_id: str, after: int) -> int:
    """Print a run's events as they are stored, and return the exit code.

    Raises ServiceUnavailableError if the run has not ended and no server works on it.
    """
    server = running_server(settings, url)
    if server is None:
        run, items = queries(settings, None).run(run_id), queries(settings, None).events(run_id, after, ALL)
        _print_event_lines(output, items)
        if run["ended_at"] is None:
            raise ServiceUnavailableError(
                f"The run is {run['status']}, and no server is running. Start one with `journeyman serve`."
            )
        return OK if run["status"] == "finished" else FAILED
    last = ""
    if (ahead := run_ahead(server, server.call("GET", f"/runs/{quote(run_id, safe='')}"))) is not None:
        output.note(f"The run waits for run {ahead['run_id']} of its thread to end, which is paused.")
    for frame in StreamFollower(server).rejoin(run_id, after):
        if frame.seq is not None:
            _print_event_lines(output, [frame.data])
            last = frame.type
    run = server.call("GET", f"/runs/{quote(run_id, safe='')}")
    if last == "run_paused":
        output.note("The run waits. `journeyman approvals` shows what waits for a human.")
    return exit_code_of(run)


def _print_event_lines(output: CommandOutput, items: list[dict[str, Any]]) -> None:
    if not output.json:
        _print_events(output, items)
        return
    for item in items:
        output.write(compact_json(item) + "\n")


@app.command("trace")
def trace(run_id: RunId, url: Url = None, json: Json = False) -> None:
    """Print a run's spans as a tree, with when each began and how long it took.

    A run that has not ended is shown as it is now: spans marked `open` have not ended. `--json` leaves them out.
    """
    from journeyman.cli.trace_tree import entries_from_items, tree_lines
    from journeyman.telemetry.tracing.spans import open_spans, spans_of_run

    source, output = queries(read_settings(), url), CommandOutput(json=json)
    run_id = find_run(source, run_id)
    entries = list(entries_from_items(source.events(run_id, 0, MAX_TRACED_EVENTS)))
    ended = spans_of_run(run_id, entries)
    if json:
        output.data({"items": msgspec.to_builtins(ended)})
        return
    still_open = open_spans(run_id, entries, SystemClock().now())
    output.line(f"trace {(still_open or ended)[-1].trace_id}")
    for line in tree_lines(ended, still_open):
        output.line(line)


def _print_events(output: CommandOutput, items: list[dict[str, Any]]) -> None:
    for item in items:
        start = f"{item['seq']:>4}  {str(item['at'])[11:23]}  {item['type']:<18}  "
        most, data = MAX_DATA_CHARACTERS, compact_json(item["data"])
        if output.room is not None:
            most = max(10, min(most, output.room - len(start)))
        output.line(start + (data if len(data) <= most else data[: most - 1] + "…"))
