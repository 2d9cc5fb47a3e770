"""`journeyman run`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from journeyman.cli.client.api_client import ApiClient
from journeyman.cli.client.connect import connect
from journeyman.cli.client.follow_run import StreamFollower
from journeyman.cli.exit_codes import FAILED, OK, WAITING
from journeyman.cli.output import AgentPath, CommandOutput, Json, Offline, Url, compact
from journeyman.settings import Settings

CODES = {"finished": OK, "paused": WAITING}


def run(
    text: Annotated[str, typer.Argument(help="What to say.")],
    path: AgentPath = None,
    agent: Annotated[str | None, typer.Option(help="Which agent, if there are several.")] = None,
    thread: Annotated[str | None, typer.Option(help="Go on with this thread.")] = None,
    offline: Offline = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Say one thing to an agent and print the answer. Ctrl-C cancels the run.

    Beside a server on the same journal it goes through that server, which has its own agents; else the agent runs in
    this process. Exit code 6: the run waits for a human; `journeyman approvals` shows for what.
    """
    settings = Settings.read(agent_path=path)
    body = {"user_input": text, "agent": agent, "thread_id": thread, "on_disconnect": "cancel"}
    with connect(settings, url, offline=offline) as way:
        answer = ended(way, way.call("POST", "/process", {key: value for key, value in body.items() if value}))
    report(CommandOutput(json=json), answer)
    raise typer.Exit(CODES.get(answer["status"], FAILED))


def ended(way: ApiClient, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, once the run has ended or waits for a human: the server may have answered before."""
    while answer["status"] in ("queued", "running") and answer.get("waiting_for") != "thread":
        for _ in StreamFollower(way).rejoin(answer["run_id"], 0):
            pass
        answer = way.call("GET", f"/runs/{answer['run_id']}")
    return answer


def report(output: CommandOutput, answer: dict[str, Any]) -> None:
    """A run's answer for people: the text, or what it waits for and how to go on."""
    if output.json:
        output.data(answer)
        return
    if answer.get("response"):
        output.line(answer["response"])
    if answer.get("stopped_by"):
        output.line(f"(stopped at the limit: {answer['stopped_by']})")
    if answer.get("error"):
        output.line(f"failed: {answer['error']['message']} [{answer['error']['code']}]")
    if answer.get("waiting_for") == "thread":
        output.line(f"run {answer['run_id']} waits behind another run of thread {answer['thread_id']}")
    for approval in answer.get("approvals") or ():
        call = f" {approval['tool']} {compact(approval['arguments'])}" if approval["tool"] else ""
        said = f"{approval['message']}{call}"
        output.line(f"{said}\n  journeyman approvals answer {approval['approval']} {'|'.join(approval['decisions'])}")
    if answer["status"] == "cancelled":
        output.line("cancelled")
