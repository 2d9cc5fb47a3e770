"""`journeyman runs fork`."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from journeyman.cli.client.connect import connect
from journeyman.cli.commands.approvals import json_object
from journeyman.cli.commands.run import CODES, ended, report
from journeyman.cli.exit_codes import FAILED
from journeyman.cli.output import AgentPath, CommandOutput, Json, Offline, Url
from journeyman.errors import ValidationError
from journeyman.settings import Settings


def fork(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    at: Annotated[int, typer.Option(min=1, help="Copy events 1 to this one.")],
    path: AgentPath = None,
    replace: Annotated[
        list[str] | None, typer.Option(metavar="SEQ=TEXT", help="The message of event SEQ says TEXT instead.")
    ] = None,
    say: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="Add a message of the user's.")] = None,
    context: Annotated[str | None, typer.Option(help="Patch the thread's context (a JSON object).")] = None,
    prompt: Annotated[str | None, typer.Option(help="Another system prompt.")] = None,
    version: Annotated[
        str | None, typer.Option(help="Another version of the agent: a hash, or `current`. [the parent's]")
    ] = None,
    offline: Offline = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Begin a new run as another began, on a new thread, with edits; wait for it and print the answer.

    The run it comes from is left as it is. What was under way at that event runs again, by the effects of its tool.
    """
    edits: dict[str, Any] = {
        "messages": [*map(_replacement, replace or ()), *({"content": text} for text in say or ())]
    }
    if context is not None:
        edits["context"] = json_object(context, "--context")
    edits |= {name: value for name, value in (("prompt", prompt), ("version", version)) if value is not None}
    output = CommandOutput(json=json)
    with connect(Settings.read(agent_path=path), url, offline=offline) as way:
        forked = way.call("POST", f"/runs/{quote(run_id, safe='')}/fork", {"at": at, "edits": edits})
        if not json:
            output.line(f"run {forked['run_id']} on thread {forked['thread_id']}")
        answer = ended(way, forked)
    report(output, answer)
    raise typer.Exit(CODES.get(answer["status"], FAILED))


def _replacement(option: str) -> dict[str, Any]:
    seq, divided, text = option.partition("=")
    if not divided or not seq.isdecimal() or not text:
        raise ValidationError(f"--replace takes SEQ=TEXT, such as '1=Where is order 7?', not {option!r}")
    return {"replace": int(seq), "content": text}
