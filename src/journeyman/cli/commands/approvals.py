"""`journeyman approvals`: lists open approvals and answers them."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from journeyman.cli.bare_group import list_when_bare
from journeyman.cli.client.api_client import ApiClient
from journeyman.cli.client.connect import connect
from journeyman.cli.client.identifiers import find_approval
from journeyman.cli.client.queries import queries
from journeyman.cli.commands.run import again_with, exit_code_of, follow_to_rest, print_run
from journeyman.cli.exit_codes import FAILED, OK, WAITING
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import AgentPath, All, CommandOutput, Json, Limit, Offline, Url, Wide, limit_of
from journeyman.errors import ForbiddenError, NotFoundError, ValidationError

app = typer.Typer(help="List what waits for a human, and answer it.", invoke_without_command=True)
OUTCOME_WAIT_SECONDS = 5  # of one request for the outcome of a call
DECISIONS = ("approve", "deny", "retry", "done", "fail")


@app.command("list")
def list_approvals(
    limit: Limit = 50, all: All = False, wide: Wide = False, url: Url = None, json: Json = False
) -> None:
    """List open approvals."""
    most = limit_of(limit, all)
    items = queries(read_settings(), url).approvals(most + 1)
    columns = ("approval", "principal", "tool", "arguments", "decisions", "message", "deadline", "run_id")
    CommandOutput(json=json, wide=wide).items(items, columns, "Nothing waits for a human.", limit=most)


list_when_bare(app, list_approvals, "List what waits for a human, or answer it with `approvals answer`.")


@app.command("answer")
def answer(
    approval: Annotated[
        str, typer.Argument(metavar="ID", help="The approval's id, a beginning that no other has, or `last`.")
    ],
    decision: Annotated[str, typer.Argument(metavar="DECISION", help=" | ".join(DECISIONS))],
    arguments: Annotated[
        str | None,
        typer.Option(help="With approve: run the call with these instead, or raise the limit to this (a JSON object)."),
    ] = None,
    result: Annotated[
        str | None, typer.Option(help="With done: the result of the call, or the answer to a question.")
    ] = None,
    path: AgentPath = None,
    offline: Offline = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Answer one approval and wait until its run ends or pauses again.

    Of a run that you may not read, such as another principal's, it prints the status and the result of this call.

    A call that asks for permission: `approve` lets it run, `deny` refuses it. A call whose outcome is unknown after a
    crash: `retry` runs it again, `done` continues with --result, and `fail` lets it fail. A question of a tool: `done`
    answers it with --result. A limit that the run has reached: `approve` raises it, `deny` ends the run.
    """
    if decision not in DECISIONS:
        raise ValidationError(f"{decision!r} is not a decision. Use one of: {', '.join(DECISIONS)}.")
    body: dict[str, Any] = {"decision": decision}
    if arguments is not None:
        body["arguments"] = parse_json_object(arguments, "--arguments")
    if result is not None:
        body["result"] = result
    settings = read_settings(agent_path=path)
    found = find_approval(queries(settings, url), approval)
    run_id, body["approval"] = found["run_id"], found["approval"]
    with connect(settings, url, offline=offline) as client:
        client.call("POST", f"/runs/{run_id}/resume", {"answers": [body]})
        run = _followed_run(client, run_id)
        outcome = outcome_of(client, found["approval"]) if run is None else {}
    output = CommandOutput(json=json)
    if run is None:
        print_outcome(output, outcome)
        raise typer.Exit({"paused": WAITING, "failed": FAILED}.get(outcome["status"], OK))
    print_run(output, run, again_with(path, url, offline))
    raise typer.Exit(exit_code_of(run))


def _followed_run(client: ApiClient, run_id: str) -> dict[str, Any] | None:
    """Return the run once it has ended or pauses again. None: another principal's, or the key may not read runs."""
    try:
        run: dict[str, Any] = client.call("GET", f"/runs/{run_id}")
    except (NotFoundError, ForbiddenError):
        return None
    return follow_to_rest(client, run_id, run["last_seq"]) if _is_active(run) else run


def outcome_of(client: ApiClient, approval: str) -> dict[str, Any]:
    """Return what has become of an answered approval, once its call has ended or its run is not running."""
    seconds = 0
    while True:
        outcome: dict[str, Any] = client.call("GET", f"/approvals/{quote(approval, safe='')}?wait={seconds}")
        ended = outcome["result"] is not None or outcome["error"] is not None
        if ended or outcome["status"] not in ("queued", "running"):
            return outcome
        seconds = OUTCOME_WAIT_SECONDS


def print_outcome(output: CommandOutput, outcome: dict[str, Any]) -> None:
    """Print the status of a run that may not be read, and how the call that asked has ended."""
    if output.json:
        output.data(outcome)
        return
    output.line(f"Answered {outcome['decision']!r}. The status of run {outcome['run_id']} is {outcome['status']!r}.")
    if outcome["result"] is not None:
        output.line(f"{outcome['tool']} -> {outcome['result']}")
    if outcome["error"] is not None:
        output.line(f"{outcome['tool']} failed: {outcome['error']['message']} [{outcome['error']['code']}]")


def _is_active(run: dict[str, Any]) -> bool:
    """Return whether the run is running, or will be soon because its last open approval was answered."""
    answered = run["status"] == "paused" and not run["approvals"] and not run.get("waiting_reason")
    return answered or run["status"] in ("queued", "running")


def parse_json_object(text: str, option: str) -> dict[str, Any]:
    """Return the JSON object that was passed to `option`. Raises ValidationError."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as exc:
        raise ValidationError(f"{option} needs a JSON object, such as '{{\"amount\": 20}}'. {exc}.") from exc
