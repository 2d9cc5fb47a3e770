"""`journeyman threads`: lists threads, shows their messages, renames and erases them."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from journeyman.auth.principal import LOCAL_NAME
from journeyman.cli.client.connect import configure_quiet_logs, running_server
from journeyman.cli.client.identifiers import find_thread
from journeyman.cli.client.queries import ServerQueries, queries
from journeyman.cli.exit_codes import FAILED
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import (
    All,
    CommandOutput,
    Json,
    Limit,
    Principal,
    ThreadId,
    Url,
    Wide,
    limit_of,
    printable,
)
from journeyman.errors import ValidationError

if TYPE_CHECKING:
    from journeyman.settings import Settings

MAX_TITLE = 500  # characters, as the API takes them

app = typer.Typer(
    help="List threads (conversations), show their messages, and erase them.", invoke_without_command=True
)


@app.callback()
def threads(
    context: typer.Context,
    limit: Limit = 50,
    all: All = False,
    wide: Wide = False,
    url: Url = None,
    json: Json = False,
    principal: Principal = LOCAL_NAME,
) -> None:
    """List threads, the one that was used last first, or work on one with a command."""
    if context.invoked_subcommand is None:
        list_threads(limit, all, wide, url, json, principal)


@app.command("list")
def list_threads(
    limit: Limit = 50,
    all: All = False,
    wide: Wide = False,
    url: Url = None,
    json: Json = False,
    principal: Principal = LOCAL_NAME,
) -> None:
    """List threads, the one that was used last first."""
    most = limit_of(limit, all)
    items = queries(read_settings(), url, principal).threads(most + 1)
    columns = ("thread_id", "messages", "updated_at", "title", "active_run")
    CommandOutput(json=json, wide=wide).items(items, columns, "There are no threads yet.", limit=most)


@app.command("show")
def show_thread(
    thread_id: ThreadId,
    limit: Limit = 50,
    all: All = False,
    url: Url = None,
    json: Json = False,
    principal: Principal = LOCAL_NAME,
) -> None:
    """Show the last messages of a thread."""
    source, most = queries(read_settings(), url, principal), limit_of(limit, all)
    found = source.messages(find_thread(source, thread_id), most + 1)
    items, output = found[-most:], CommandOutput(json=json)
    if json:
        output.data({"items": items})
    else:
        for item in items:
            output.line(f"{item['no']:>4}  {item['message']['role']:<9}  {message_text(item['message'])}")
    if len(items) < len(found):
        output.note(f"There are earlier messages than these {len(items)}. Pass --limit N or --all.")


@app.command("delete")
def delete_thread(
    thread_id: ThreadId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """Erase a thread with its messages, runs and files. Its open runs are cancelled. This cannot be undone."""
    settings, output = read_settings(), CommandOutput(json=json)
    server = running_server(settings, url)
    source = ServerQueries(server) if server else queries(settings, None)
    thread = source.thread(find_thread(source, thread_id))
    id = thread["thread_id"]
    if not yes and not _is_confirmed(thread):
        output.line("Nothing was erased.")
        raise typer.Exit(FAILED)
    if server is not None:
        server.call("DELETE", f"/threads/{quote(id, safe='')}")
    else:
        _erase_in_journal(settings, id)
    output.show({"thread_id": id, "erased": True}, f"Thread {id} is erased.")


@app.command("rename")
def rename_thread(
    thread_id: ThreadId,
    title: Annotated[str, typer.Argument(help="The title; an empty one takes it away.", show_default=False)],
    url: Url = None,
    json: Json = False,
) -> None:
    """Give a thread another title."""
    settings, output = read_settings(), CommandOutput(json=json)
    server = running_server(settings, url)
    id = find_thread(ServerQueries(server) if server else queries(settings, None), thread_id)
    if len(title) > MAX_TITLE:
        raise ValidationError(f"A title has at most {MAX_TITLE} characters. Give a shorter one.")
    if server is not None:
        server.call("PATCH", f"/threads/{quote(id, safe='')}", {"title": title})
    else:
        _rename_in_journal(settings, id, title)
    output.show({"thread_id": id, "title": title}, f"Thread {id} is renamed.")


def _rename_in_journal(settings: Settings, thread_id: str, title: str) -> None:
    from journeyman.cli.client.without_server import rename_in_journal  # imports the server's parts

    configure_quiet_logs(settings)
    asyncio.run(rename_in_journal(settings, thread_id, title))


def _is_confirmed(thread: dict[str, Any]) -> bool:
    """Ask on the terminal whether to erase. Raises ValidationError if there is no terminal to ask on."""
    if not sys.stdin.isatty():
        raise ValidationError("Nothing was erased, since there is no terminal to ask on. Pass --yes to erase.")
    answer = input(printable(f"Erase thread {thread['thread_id']} with {thread['messages']} messages? [y/N] "))
    return answer.strip().lower() in ("y", "yes")


def _erase_in_journal(settings: Settings, thread_id: str) -> None:
    from journeyman.cli.client.without_server import erase_in_journal  # imports the server's parts

    configure_quiet_logs(settings)
    asyncio.run(erase_in_journal(settings, thread_id))


def message_text(message: dict[str, Any]) -> str:
    """Return a message on one line: its text, then its tool calls."""
    texts = [part.get("text", f"[{part['type']}]") for part in message.get("content", ())]
    calls = [f"{call['name']}({call['arguments']})" for call in message.get("tool_calls", ())]
    return " ".join(" ".join([*texts, *calls]).split())
