"""`journeyman threads`: lists threads and shows their messages."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from journeyman.auth.principal import LOCAL_NAME
from journeyman.cli.client.queries import queries
from journeyman.cli.output import CommandOutput, Json, Limit, Principal, Url
from journeyman.settings import Settings

app = typer.Typer(help="List threads (conversations), and show their messages.", invoke_without_command=True)


@app.callback()
def threads(
    context: typer.Context, limit: Limit = 50, url: Url = None, json: Json = False, principal: Principal = LOCAL_NAME
) -> None:
    """List threads, or show the messages of one with `threads show`."""
    if context.invoked_subcommand is None:
        list_threads(limit, url, json, principal)


@app.command("list")
def list_threads(limit: Limit = 50, url: Url = None, json: Json = False, principal: Principal = LOCAL_NAME) -> None:
    """List threads."""
    items = queries(Settings.read(), url, principal).threads(limit)
    CommandOutput(json=json).items(
        items, ("thread_id", "messages", "active_run", "updated_at", "title"), "There are no threads yet."
    )


@app.command("show")
def show_thread(
    thread_id: Annotated[str, typer.Argument(metavar="THREAD", help="The thread's id.")],
    limit: Limit = 50,
    url: Url = None,
    json: Json = False,
    principal: Principal = LOCAL_NAME,
) -> None:
    """Show the last messages of a thread."""
    items = queries(Settings.read(), url, principal).messages(thread_id, limit)
    output = CommandOutput(json=json)
    if json:
        output.data({"items": items})
        return
    for item in items:
        output.line(f"{item['no']:>4}  {item['message']['role']:<9}  {message_text(item['message'])}")


def message_text(message: dict[str, Any]) -> str:
    """Return a message on one line: its text, then its tool calls."""
    texts = [part.get("text", f"[{part['type']}]") for part in message.get("content", ())]
    calls = [f"{call['name']}({call['arguments']})" for call in message.get("tool_calls", ())]
    return " ".join(" ".join([*texts, *calls]).split())
