"""The slash commands of a chat, such as /new and /thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from journeyman.cli.chat.conversation import Conversation, waiting_sentence
from journeyman.cli.client.api_client import ApiClient
from journeyman.cli.client.identifiers import find_thread
from journeyman.cli.client.queries import ServerQueries
from journeyman.cli.commands.threads import message_text
from journeyman.cli.screen import Screen
from journeyman.cli.transcript import shorten

LISTED_THREADS = 10
LOOKED_AT_MESSAGES = 10  # to find the last two with text
HELP = """\
/new            begin another thread
/thread         list the threads that were used last
/thread ID      go on with this thread: the beginning of its id, or `last`
/cancel         cancel the thread's open run, also one that waits
/retry          go on from before the last run failed, in a new run
/cost           what this chat has used
/quit           leave, as Ctrl-D does
Ctrl-C          cancel the reply; a second Ctrl-C leaves
//text          send a message that begins with a slash
While a run asks: y approves and n denies, and /later leaves the question open.
Of a call whose outcome is unknown: r runs it again, d says what its result was,
and f lets it fail."""


class SlashCommands:
    """The slash commands of one conversation on a terminal."""

    def __init__(self, client: ApiClient, conversation: Conversation, screen: Screen) -> None:
        self._queries = ServerQueries(client)
        self._conversation = conversation
        self._screen = screen
        self._commands: dict[str, Callable[[str], None]] = {
            "/help": lambda _: self._screen.note(HELP),
            "/new": lambda _: self._new(),
            "/thread": self._thread,
            "/cancel": lambda _: conversation.cancel(),
            "/retry": lambda _: conversation.retry(),
            "/cost": lambda _: self._screen.note(conversation.usage.line()),
            "/later": lambda _: None,
        }

    def run(self, line: str) -> None:
        """Run a slash command.

        Raises LeftOpen if the human leaves a question open, NotFoundError and ValidationError for an id of no single
        thread.
        """
        name, _, argument = line.partition(" ")
        if (command := self._commands.get(name)) is None:
            self._screen.note(f"There is no command {name}. /help lists the commands.", "yellow")
        else:
            command(argument.strip())

    def greet(self, name: str, model: str) -> None:
        """Say which agent, model and thread this is, and how to leave. Offers what the thread's open run asks."""
        self._screen.note(f"{name}, model {model}" if name else "Chat", "bold")
        self._screen.note("/help lists the commands. Ctrl-C cancels a reply, Ctrl-D leaves.")
        self._show_thread()

    def _new(self) -> None:
        self._conversation.begin_thread()
        self._show_thread()

    def _thread(self, thread_id: str) -> None:
        if not thread_id:
            self._list_threads()
        else:
            self._conversation.switch(find_thread(self._queries, thread_id))
            self._show_thread()

    def _list_threads(self) -> None:
        items = self._queries.threads(LISTED_THREADS)
        current = self._conversation.thread_id
        if all(item["thread_id"] != current for item in items):
            self._screen.note(f"* {current}  (new)")
        for item in items:
            mark = "*" if item["thread_id"] == current else " "
            title = f"  {shorten(item['title'])}" if item["title"] else ""
            self._screen.note(f"{mark} {item['thread_id']}  {_counted(item['messages'])}{title}")

    def _show_thread(self) -> None:
        """Say which thread this is, with its last messages, and offer what its open run asks."""
        conversation = self._conversation
        thread = conversation.stored_thread()
        if thread is None:
            self._screen.note(f"New thread {conversation.thread_id}")
            return
        self._screen.note(f"Thread {thread['thread_id']} ({_counted(thread['messages'])})")
        for item in self._last_messages(thread):
            self._screen.note(f"  {item['message']['role']}: {shorten(message_text(item['message']))}")
        run = conversation.open_run()
        if run is not None and run["approvals"]:
            conversation.offer(run)
        elif run is not None and run["status"] == "paused":
            self._screen.note(waiting_sentence(run), "yellow")

    def _last_messages(self, thread: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the thread's last two messages that have text."""
        items = self._queries.messages(thread["thread_id"], LOOKED_AT_MESSAGES)
        return [item for item in items if item["message"].get("content") and item["message"]["role"] != "tool"][-2:]


def _counted(messages: int) -> str:
    return f"{messages} message{'' if messages == 1 else 's'}"
