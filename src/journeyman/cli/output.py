"""What commands print: JSON for programs, tables and lines for people, and colours on a terminal only."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import msgspec
import typer

from journeyman.errors import BaseError, ConfigurationError

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
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Print at most this many.")]
Principal = Annotated[
    str,
    typer.Option(
        "--principal", help="Whose threads to read from the journal file. A server shows those of the key's principal."
    ),
]


class CommandOutput:
    """Where a command writes its result. With `json` it writes JSON only."""

    def __init__(self, *, json: bool = False, stream: TextIO | None = None) -> None:
        self.json = json
        self._stream = stream or sys.stdout
        self._colours = self._stream.isatty() and not os.environ.get("NO_COLOR")

    def show(self, data: object, text: str) -> None:
        """Write `data` with --json, or `text` without."""
        if self.json:
            self.data(data)
        else:
            self.line(text)

    def items(self, items: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
        """Write a list: whole items with --json, else a table of `columns`, or the sentence `empty`."""
        if self.json:
            self.data({"items": items})
        elif not items:
            self.line(empty)
        else:
            for line in table_lines(items, columns):
                self.line(line)

    def data(self, data: object) -> None:
        """Write any plain value as indented JSON."""
        self.write(msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n")

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
    """Replace control characters, so that text of a model or a tool cannot move the cursor or set the title."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).encode("utf-8", "replace").decode()


def table_lines(items: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """Return the lines of a table: a heading, then one line for each item, in aligned columns."""
    rows = [[name.upper().replace("_", " ") for name in columns]]
    rows += [[cell(item.get(name)) for name in columns] for item in items]
    widths = [max(len(row[column]) for row in rows) for column in range(len(columns))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def cell(value: Any) -> str:
    """Return a value as text on one line. None and empty values become a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return ", ".join(value) or "-"
    return " ".join(value.split()) if isinstance(value, str) else compact_json(value)


def compact_json(value: object) -> str:
    """Return a value as JSON on one line. A value that JSON does not have becomes its repr."""
    return msgspec.json.encode(value, enc_hook=repr).decode()


def print_error(error: BaseError, *, json: bool = False, stream: TextIO | None = None) -> None:
    """Print an error to stderr: a sentence, or with `json` an object with all its problems."""
    output = CommandOutput(json=json, stream=stream or sys.stderr)
    if not json:
        output.write(output.paint("error: ", "red") + printable(error.message) + "\n")
        return
    problems = error.problems if isinstance(error, ConfigurationError) else ()
    output.data({"error": error.message, "code": error.code, "problems": problems})
