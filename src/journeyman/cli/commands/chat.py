"""`journeyman chat`: a conversation with an agent, on a terminal or through a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import typer

from journeyman.cli.chat.conversation import LACKING, Conversation, waiting_sentence
from journeyman.cli.chat.human import LeftOpen, is_slash_command, unescaped
from journeyman.cli.chat.slash_commands import SlashCommands
from journeyman.cli.chat.usage import usage_line
from journeyman.cli.client.api_client import ApiClient
from journeyman.cli.client.connect import connect
from journeyman.cli.client.identifiers import LAST, find_thread
from journeyman.cli.client.queries import ServerQueries
from journeyman.cli.commands.run import again_with, print_waiting, retry_hint
from journeyman.cli.exit_codes import FAILED, INTERRUPTED, OK, WAITING
from journeyman.cli.exit_codes import LACKING as LACKS
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import AgentPath, CommandOutput, Offline, Url
from journeyman.cli.screen import PlainScreen, Screen
from journeyman.errors import BaseError

ENDED = ("finished", "failed", "cancelled")


def chat(
    path: AgentPath = None,
    agent: Annotated[str | None, typer.Option(help="The agent's name, needed if there are several.")] = None,
    thread: Annotated[
        str | None, typer.Option(help="Continue this thread; `last` is the one that was used last.")
    ] = None,
    offline: Offline = False,
    url: Url = None,
) -> None:
    """Talk with an agent. Replies stream, tool calls are shown, and you are asked for approvals.

    Ctrl-C cancels the reply, and a second one leaves; Ctrl-D or /quit leaves too. /help lists the other commands.
    Without a terminal, each line of the input is one message. There, a run that needs an approval ends the command
    with the question and exit code 6, and a run that waits for what its server lacks with exit code 7.
    """
    with connect(read_settings(agent_path=path), url, offline=offline, needs_agent=True) as client:
        thread = find_thread(ServerQueries(client), LAST) if thread == LAST else thread
        if sys.stdin.isatty():
            raise typer.Exit(TerminalChat(client, agent, thread).run())
        raise typer.Exit(chat_through_pipe(client, agent, thread, again_with(path, url, offline)))


def chat_through_pipe(client: ApiClient, agent: str | None, thread: str | None, again: str) -> int:
    """Send each line of the standard input as a message, until a run does not finish. Returns the exit code.

    `again` is as in `print_waiting`.
    """
    output = CommandOutput()
    conversation = Conversation(client, PlainScreen(output), agent, thread)
    for line in map(str.strip, sys.stdin):
        if line == "/quit":
            break
        if line == "/new":
            conversation.begin_thread()
        elif line:
            conversation.say(line)
            if conversation.status != "finished":
                if conversation.run is not None and conversation.status in ("paused", LACKING):
                    print_waiting(output, conversation.run, again)
                elif conversation.run is not None and conversation.run["status"] == "failed":
                    output.line(retry_hint(conversation.run["run_id"], _error_code(conversation.run), again))
                return {"paused": WAITING, LACKING: LACKS}.get(conversation.status, FAILED)
    return OK


class TerminalChat:
    """A chat on a terminal: reads lines until the human leaves."""

    def __init__(self, client: ApiClient, agent: str | None, thread: str | None) -> None:
        self._client = client
        self._screen = terminal_screen()
        self._conversation = Conversation(client, self._screen, agent, thread, ask=input)
        self._commands = SlashCommands(client, self._conversation, self._screen)
        self._interrupted = False  # Ctrl-C was the last key: the next one leaves

    def run(self) -> int:
        """Greet, then take lines until Ctrl-D, /quit or a second Ctrl-C. Returns the exit code."""
        with suppress(ImportError):
            import readline  # noqa: F401 - gives `input` a history and line editing
        step: Callable[[], None] | None = self._greet
        while True:
            try:
                if step is not None:
                    self._do(step)
                    self._interrupted = self._conversation.take_interrupt()
                line = input("> ").strip()
                self._interrupted = False
                step = partial(self._take, line) if line else None
            except EOFError:
                return self._leave(OK)
            except KeyboardInterrupt:
                if self._interrupted or self._conversation.take_interrupt():
                    return self._leave(INTERRUPTED)
                self._interrupted, step = True, None
                self._screen.note("\nCtrl-C again leaves.")

    def _do(self, step: Callable[[], None]) -> None:
        """Do one step. A slash command that was typed in place of an answer is done after that."""
        try:
            step()
        except LeftOpen as left:
            self._screen.note("The question stays open. Your next message asks it again; /cancel cancels the run.")
            if left.command:
                self._do(partial(self._take, left.command))
        except BaseError as exc:
            self._screen.note(f"error: {exc.message}", "red")

    def _take(self, line: str) -> None:
        """Do what one line says. Raises EOFError if it says to leave."""
        if line in ("/quit", "/exit"):
            raise EOFError
        if is_slash_command(line):
            self._commands.run(line)
            return
        self._conversation.say(unescaped(line))
        run = self._conversation.run
        if run is not None and self._conversation.status in ENDED and any((run.get("usage") or {}).values()):
            self._screen.note(usage_line(run["usage"]))
        if run is not None and run["status"] == "failed":
            self._screen.note("/retry goes on from before the failure.")

    def _greet(self) -> None:
        agents: list[dict[str, Any]] = []
        with suppress(BaseError):  # a key may lack the scope for it
            agents = self._client.call("GET", "/agents")["items"]
        wanted = self._conversation.agent
        chosen = [each for each in agents if (each["name"] == wanted if wanted else each["default"])]
        if not chosen and agents:
            names = ", ".join(str(each["name"]) for each in agents)
            self._screen.note(f"Choose an agent with --agent. There are: {names}.", "yellow")
        name, model = (chosen[0]["name"], chosen[0]["model"]["name"]) if chosen else ("", "")
        self._commands.greet(name, model)

    def _leave(self, code: int) -> int:
        """Say what stays open, and return the exit code."""
        self._screen.release()
        self._screen.note("")
        run = self._conversation.run
        if run is not None and self._conversation.status in ("paused", LACKING):
            self._screen.note(f"{waiting_sentence(run)} `journeyman chat --thread {run['thread_id']}` returns to it.")
        return code


def _error_code(run: dict[str, Any]) -> str:
    return str((run.get("error") or {}).get("code", ""))


def terminal_screen() -> Screen:
    """Return the screen of this terminal. One that cannot move the cursor, or a file, gets plain text."""
    output = CommandOutput()
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return PlainScreen(output)
    from journeyman.cli.rich_screen import RichScreen  # 0.2 s, not needed through a pipe

    return RichScreen()
