"""`journeyman run`: sends one message to an agent. Also what commands share that wait for a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from journeyman.cli.client.api_client import ApiClient, FailedRunError
from journeyman.cli.client.connect import connect
from journeyman.cli.client.follow_run import StreamFollower
from journeyman.cli.client.identifiers import LAST, find_thread
from journeyman.cli.client.queries import ServerQueries
from journeyman.cli.exit_codes import FAILED, LACKING, OK, WAITING
from journeyman.cli.given_settings import read_settings
from journeyman.cli.lost_run import naming_followed_run, naming_lost_run
from journeyman.cli.output import AgentPath, CommandOutput, Json, Offline, Url
from journeyman.cli.reply_ending import ending_note
from journeyman.cli.table import compact_json
from journeyman.errors import ForbiddenError, NotFoundError


def exit_code_of(run: dict[str, Any]) -> int:
    """Return the exit code of a command that ran this run."""
    if run["status"] == "paused":
        return WAITING if run.get("approvals") else LACKING
    return OK if run["status"] == "finished" else FAILED


def run(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The message to the agent.")],
    path: AgentPath = None,
    agent: Annotated[str | None, typer.Option(help="The agent's name, needed if there are several.")] = None,
    thread: Annotated[
        str | None, typer.Option(help="Continue this thread; `last` is the one that was used last.")
    ] = None,
    offline: Offline = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Send one message to an agent and print the answer. Ctrl-C cancels the run.

    If a server uses the same journal, the message goes to that server and its agents. Otherwise the agent runs in this
    process. Exit code 6: the run waits for a human, and `journeyman approvals` shows for what. Exit code 7: the run
    waits for what its server lacks. Both are also those of a run that is queued behind such a run of its thread.
    """
    settings = read_settings(agent_path=path)
    arguments = again_with(path, url, offline)
    with connect(settings, url, offline=offline, needs_agent=True) as client:
        thread = find_thread(ServerQueries(client), LAST) if thread == LAST else thread
        body = {"user_input": text, "agent": agent, "thread_id": thread, "on_disconnect": "cancel"}
        body = {key: value for key, value in body.items() if value}
        with naming_lost_run(settings, url):
            response = _call_with_hint(client, body, json, arguments)
        response = wait_for_end(client, response)
        ahead = run_ahead(client, response)
    output = CommandOutput(json=json)
    print_run(output, response, arguments)
    if ahead is not None and not json:
        print_waiting(output, ahead, arguments)
    raise typer.Exit(exit_code_of(ahead or response))


def _call_with_hint(client: ApiClient, body: dict[str, Any], json: bool, arguments: str) -> dict[str, Any]:
    """Start a run and return the server's response. Without `json`, the error of a failed run names its retry."""
    try:
        run: dict[str, Any] = client.call("POST", "/process", body)
    except FailedRunError as exc:
        if json:
            raise
        hint = retry_hint(exc.run_id, exc.code, arguments)
        message = f"{exc.message} [{exc.code}]\n{hint}"
        raise FailedRunError(message, code=exc.code, status=exc.status, run_id=exc.run_id) from exc
    return run


def retry_hint(run_id: str, code: str, arguments: str) -> str:
    """Return the command that retries a failed run. `code` is the run's error code, `arguments` as in `print_run`."""
    command = f"journeyman runs retry {run_id}{arguments}"
    if code == "gateway_circuit_open":
        why = "no model was asked, since its gateway had failed several times just before"
        return f"Run {run_id} has failed: {why}. After the pause that is named above: {command}"
    return f"Run {run_id} has failed. To go on from before the failure: {command}"


def wait_for_end(client: ApiClient, run: dict[str, Any]) -> dict[str, Any]:
    """Return the run once it has ended or is paused. The server may have responded earlier than that."""
    return follow_to_rest(client, run["run_id"], 0) if _is_under_way(run) else run


def follow_to_rest(client: ApiClient, run_id: str, after: int) -> dict[str, Any]:
    """Follow a run from event `after` on until it has ended, is paused, or waits for its thread. Returns the run."""
    follower = StreamFollower(client)
    with naming_followed_run(run_id):
        while True:
            frames = follower.rejoin(run_id, after)
            for frame in frames:
                if frame.type == "run_paused":  # also for what the server lacks, which the follower waits for
                    break
            frames.close()
            run: dict[str, Any] = client.call("GET", f"/runs/{run_id}")
            if not _is_under_way(run):
                return run
            after = follower.last_seq  # a pause of the past: the run goes on


def _is_under_way(run: dict[str, Any]) -> bool:
    return run["status"] in ("queued", "running") and run.get("waiting_for") != "thread"


def run_ahead(client: ApiClient, run: dict[str, Any]) -> dict[str, Any] | None:
    """Return the paused run of the thread that a queued run waits for.

    None: the run is not queued, the run ahead is at work, or the key may not read it.
    """
    if run["status"] != "queued" or run.get("waiting_for") != "thread":
        return None
    try:
        active = client.call("GET", f"/threads/{quote(run['thread_id'], safe='')}")["active_run"]
        ahead: dict[str, Any] | None = client.call("GET", f"/runs/{active}") if active else None
    except (NotFoundError, ForbiddenError):
        return None
    return ahead if ahead is not None and ahead["status"] == "paused" else None


def again_with(path: Path | None, url: str | None, offline: bool) -> str:
    """Return the arguments by which another command reaches the same agents, as a shell takes them."""
    given = ([str(path)] if path else []) + (["--url", url] if url else []) + (["--offline"] if offline else [])
    return "".join(f" {shlex.quote(each)}" for each in given)


def print_run(output: CommandOutput, run: dict[str, Any], arguments: str = "") -> None:
    """Print a run's answer, its error, or what it waits for and the commands that continue it.

    `arguments` of these commands say where its agents are, as by `again_with`.
    """
    if output.json:
        output.data(run)
        return
    if run.get("response"):
        output.line(run["response"])
    if run.get("stopped_by"):
        limit = f"stopped at the limit: {run['stopped_by']}"
        output.line("(a human said no)" if run["stopped_by"] == "denied" else f"({limit})")
    if note := ending_note(run.get("finish_reason")):
        output.line(note)
    if run.get("error"):
        output.line(f"failed: {run['error']['message']} [{run['error']['code']}]")
    if run.get("error") and run["status"] == "failed":
        output.line(retry_hint(run["run_id"], run["error"]["code"], arguments))
    if run.get("waiting_for") == "thread":
        output.line(f"Run {run['run_id']} waits for another run of thread {run['thread_id']} to end.")
    print_waiting(output, run, arguments)
    if run["status"] == "cancelled":
        output.line("cancelled")


def print_waiting(output: CommandOutput, run: dict[str, Any], arguments: str = "") -> None:
    """Print what a run waits for, and the commands that answer it. `arguments` is as in `print_run`."""
    if run.get("waiting_reason"):
        output.line(f"Run {run['run_id']} waits. {run['waiting_reason']}")
    for approval in run.get("approvals") or ():
        call = f" {approval['tool']} {compact_json(approval['arguments'])}" if approval["tool"] else ""
        output.line(f"{approval['message']}{call}")
        if approval["kind"] == "limit":
            output.line(f"    with approve: --arguments '{compact_json(approval['arguments'])}', or a lower value")
        for decision in approval["decisions"]:
            result = " --result TEXT" if decision == "done" and approval["kind"] == "question" else ""
            output.line(f"  journeyman approvals answer {approval['approval']} {decision}{result}{arguments}")
