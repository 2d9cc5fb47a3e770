"""`journeyman approvals`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from journeyman.cli.client.connect import connect
from journeyman.cli.client.follow_run import StreamFollower
from journeyman.cli.client.queries import queries
from journeyman.cli.commands.run import CODES, report
from journeyman.cli.exit_codes import FAILED
from journeyman.cli.output import AgentPath, CommandOutput, Json, Limit, Offline, Url
from journeyman.errors import NotFoundError, ValidationError
from journeyman.settings import Settings

app = typer.Typer(help="What waits for a human.", invoke_without_command=True)
MOST = 10_000
DECISIONS = ("approve", "deny", "retry", "done", "fail")


@app.callback()
def approvals(context: typer.Context, limit: Limit = 50, url: Url = None, json: Json = False) -> None:
    """What waits for a human: list it, or answer."""
    if context.invoked_subcommand is None:
        list_approvals(limit, url, json)


@app.command("list")
def list_approvals(limit: Limit = 50, url: Url = None, json: Json = False) -> None:
    """List open approvals."""
    items = queries(Settings.read(), url).approvals(limit)
    columns = ("approval", "principal", "tool", "arguments", "decisions", "message", "deadline", "run_id")
    CommandOutput(json=json).items(items, columns, "Nothing waits for a human.")


@app.command("answer")
def answer(
    approval: Annotated[str, typer.Argument(metavar="ID")],
    decision: Annotated[str, typer.Argument(metavar="DECISION", help=" | ".join(DECISIONS))],
    arguments: Annotated[str | None, typer.Option(help="approve: run with these instead (a JSON object).")] = None,
    result: Annotated[str | None, typer.Option(help="done: the outcome, or the answer to a question.")] = None,
    path: AgentPath = None,
    offline: Offline = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Answer one approval and wait until its run ends or pauses again.

    approve, deny: may the call run? retry, done, fail: the outcome of a call is unknown; run it again, go on with
    --result, or let it fail. A question of a tool is answered by done with --result.
    """
    if decision not in DECISIONS:
        raise ValidationError(f"{decision!r} is no decision: say one of {', '.join(DECISIONS)}")
    body: dict[str, Any] = {"approval": approval, "decision": decision}
    if arguments is not None:
        body["arguments"] = json_object(arguments, "--arguments")
    if result is not None:
        body["result"] = result
    settings = Settings.read(agent_path=path)
    run_id = _run_of(settings, url, approval)
    with connect(settings, url, offline=offline) as way:
        way.call("POST", f"/runs/{run_id}/resume", {"answers": [body]})
        last = way.call("GET", f"/runs/{run_id}")
        if _moves(last):
            for _ in StreamFollower(way).rejoin(run_id, last["last_seq"]):
                pass
            last = way.call("GET", f"/runs/{run_id}")
    report(CommandOutput(json=json), last)
    raise typer.Exit(CODES.get(last["status"], FAILED))


def _moves(run: dict[str, Any]) -> bool:
    """It runs, or is about to: its last approval was answered just now."""
    return run["status"] in ("queued", "running") or (run["status"] == "paused" and not run["approvals"])


def _run_of(settings: Settings, url: str | None, approval: str) -> str:
    for item in queries(settings, url).approvals(MOST):
        if item["approval"] == approval:
            return str(item["run_id"])
    raise NotFoundError(f"No open approval {approval!r}: `journeyman approvals` lists them")


def json_object(text: str, option: str) -> dict[str, Any]:
    """An option's JSON object. Raises ValidationError."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as exc:
        raise ValidationError(f"{option} takes a JSON object such as '{{\"amount\": 20}}': {exc}") from exc
