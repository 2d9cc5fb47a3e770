"""What commands print: JSON for programs, tables and lines for people, and colours on a terminal only."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import msgspec
import typer

from journeyman.cli.client.api_client import FailedRunError
from journeyman.cli.table import table_lines
from journeyman.errors import BaseError, ConfigurationError
from journeyman.events.hidden_characters import escape_hidden, escape_hidden_in_json

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_COLOURS = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

# Options and arguments that several commands have.
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Url = Annotated[
    str | None, typer.Option("--url", help="Use the server at this address, such as http://127.0.0.1:8000.")
]
AgentPath = Annotated[
    Path | None,
    typer.Argument(metavar="PATH", help="An agent file, or a folder of them. [AGENT_PATH, else agent.yaml]"),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Use the built-in offline model in place of the agent's models.")
]
RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, a beginning that no other run has, or `last`.")
]
ThreadId = Annotated[
    str, typer.Argument(metavar="THREAD", help="The thread's id, a beginning that no other thread has, or `last`.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Print at most this many.")]
All = Annotated[bool, typer.Option("--all", help="Print all, however many there are.")]
ALL = 1_000_000  # items of a list, for --all
Wide = Annotated[bool, typer.Option("--wide", help="Print whole values, also if a line does not fit the terminal.")]
Principal = Annotated[
    str,
    typer.Option(
        "--principal", help="Whose threads to read from the journal file. A server shows those of the key's principal."
    ),
]


def limit_of(limit: int, all: bool) -> int:
    """Return how many items a list may have."""
    return ALL if all else limit


class CommandOutput:
    """Where a command writes its result. With `json` it writes JSON only. With `wide`, tables may be of any width."""

    def __init__(
        self, *, json: bool = False, wide: bool = False, stream: TextIO | None = None, notes: TextIO | None = None
    ) -> None:
        self.json = json
        self._stream = stream or sys.stdout
        self._notes = notes or sys.stderr
        self._wide = wide or not self._stream.isatty()
        self._colours = self._stream.isatty() and not os.environ.get("NO_COLOR")

    @property
    def room(self) -> int | None:
        """How many characters a line may have, so that it fits the terminal. None: any number."""
        return None if self._wide else shutil.get_terminal_size().columns

    def show(self, data: object, text: str) -> None:
        """Write `data` with --json, or `text` without."""
        if self.json:
            self.data(data)
        else:
            self.line(text)

    def items(
        self, items: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str, *, limit: int | None = None
    ) -> None:
        """Write a list: whole items with --json, else a table of `columns`, or the sentence `empty`.

        Of more than `limit` items, only that many are written, and a note that the list was cut. None: all are written.
        """
        shown = items if limit is None else items[:limit]
        cut = len(shown) < len(items)
        if self.json:
            self.data({"items": shown, **({"cut": True} if cut else {})})
        elif not shown:
            self.line(empty)
        else:
            for line in table_lines(shown, columns, self.room):
                self.line(line)
        if cut:
            self.note(f"There are more than these {len(shown)}. Pass --limit N or --all.")

    def note(self, text: str) -> None:
        """Write a line about the output to stderr, where a program that reads the output does not see it."""
        self._notes.write(printable(text) + "\n")
        self._notes.flush()

    def data(self, data: object) -> None:
        """Write any plain value as indented JSON."""
        self.write(escape_hidden_in_json(msgspec.json.format(msgspec.json.encode(data), indent=2).decode()) + "\n")

    def line(self, text: str = "") -> None:
        """Write a line of text, made printable."""
        self.write(printable(text) + "\n")

    def write(self, text: str) -> None:
        """Write text unchanged, and flush it."""
        self._stream.write(text)
        self._stream.flush()

    def paint(self, text: str, colour: str) -> str:
        """Return the text for `write`: made printable, and coloured if the output is a terminal."""
        text = printable(text)
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._colours else text


def printable(text: str) -> str:
    """Replace control characters, so that text of a model or a tool cannot move the cursor or set the title.

    Characters that are not seen, or that change the order of others, are shown as escapes.
    """
    return escape_hidden(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)).encode("utf-8", "replace").decode()


def print_error(error: BaseError, *, json: bool = False, stream: TextIO | None = None) -> None:
    """Print an error to stderr: a sentence, or with `json` an object with all its problems."""
    output = CommandOutput(json=json, stream=stream or sys.stderr)
    if not json:
        output.write(output.paint("error: ", "red") + printable(error.message) + "\n")
        return
    problems = error.problems if isinstance(error, ConfigurationError) else ()
    run = {"run_id": error.run_id} if isinstance(error, FailedRunError) else {}
    output.data({"error": error.message, "code": error.code, "problems": problems, **run})
