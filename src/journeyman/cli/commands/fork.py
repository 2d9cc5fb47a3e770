"""`journeyman runs fork` and `runs retry`: repeat a run up to an event, and continue differently or try again."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from journeyman.cli.client.connect import connect
from journeyman.cli.client.identifiers import find_run
from journeyman.cli.client.queries import ServerQueries
from journeyman.cli.commands.approvals import parse_json_object
from journeyman.cli.commands.run import again_with, exit_code_of, print_run, wait_for_end
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import AgentPath, CommandOutput, Json, Offline, RunId, Url
from journeyman.errors import ValidationError


def fork(
    run_id: RunId,
    at: Annotated[int, typer.Option(min=1, help="Copy events 1 to this one.")],
    path: AgentPath = None,
    replace: Annotated[
        list[str] | None, typer.Option(metavar="SEQ=TEXT", help="Replace the text of the message in event SEQ by TEXT.")
    ] = None,
    say: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="Add a message of the user.")] = None,
    context: Annotated[str | None, typer.Option(help="Change the thread's context by this JSON merge patch.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Use this system prompt instead.")] = None,
    version: Annotated[
        str | None, typer.Option(help="Use this version of the agent: a hash, or `current`. [the version of the run]")
    ] = None,
    offline: Offline = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Begin a new run with the first events of another run and with edits, wait for it, and print the answer.

    The new run has a new thread, and the other run stays unchanged. Tool calls that were in progress at the event are
    handled as after a crash, depending on the effects of the tool.
    """
    edits: dict[str, Any] = {
        "messages": [*map(_replacement, replace or ()), *({"content": text} for text in say or ())]
    }
    if context is not None:
        edits["context"] = parse_json_object(context, "--context")
    edits |= {name: value for name, value in (("prompt", prompt), ("version", version)) if value is not None}
    output = CommandOutput(json=json)
    with connect(read_settings(agent_path=path), url, offline=offline) as client:
        run_id = find_run(ServerQueries(client), run_id)
        forked = client.call("POST", f"/runs/{quote(run_id, safe='')}/fork", {"at": at, "edits": edits})
        if not json:
            output.line(f"Started {forked['run_id']} on thread {forked['thread_id']}.")
        run = wait_for_end(client, forked)
    print_run(output, run, again_with(path, url, offline))
    raise typer.Exit(exit_code_of(run))


def retry(run_id: RunId, path: AgentPath = None, offline: Offline = False, url: Url = None, json: Json = False) -> None:
    """Begin a new run on the thread of a failed run, from before the failure, wait for it, and print the answer.

    The failed run stays unchanged. Tool calls that were in progress are handled as after a crash, depending on the
    effects of the tool. If a later run has started on the thread, use `runs fork`.
    """
    output = CommandOutput(json=json)
    with connect(read_settings(agent_path=path), url, offline=offline) as client:
        run_id = find_run(ServerQueries(client), run_id)
        retried = client.call("POST", f"/runs/{quote(run_id, safe='')}/retry")
        if not json:
            output.line(f"Started {retried['run_id']} on thread {retried['thread_id']}.")
        run = wait_for_end(client, retried)
    print_run(output, run, again_with(path, url, offline))
    raise typer.Exit(exit_code_of(run))


def _replacement(option: str) -> dict[str, Any]:
    seq, equals, text = option.partition("=")
    if not equals or not seq.isdecimal() or not text:
        raise ValidationError(f"--replace needs SEQ=TEXT, such as '1=Where is order 7?'. It cannot be {option!r}.")
    return {"replace": int(seq), "content": text}
