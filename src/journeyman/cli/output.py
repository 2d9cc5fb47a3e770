"""What commands print: data as JSON for programs, tables and lines for people; colours on a terminal only."""

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


class CommandOutput:
    """Where a command writes. With `json` it writes one JSON value and nothing else."""

    def __init__(self, *, json: bool = False, stream: TextIO | None = None) -> None:
        self.json = json
        self._stream = stream or sys.stdout
        self._colours = self._stream.isatty() and not os.environ.get("NO_COLOR")

    def show(self, data: object, text: str) -> None:
        """`data` with --json, `text` without."""
        if self.json:
            self.data(data)
        else:
            self.line(text)

    def items(self, items: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
        """A list: whole items with --json, else these columns of them."""
        if self.json:
            self.data({"items": items})
        elif not items:
            self.line(empty)
        else:
            for line in table(items, columns):
                self.line(line)

    def data(self, data: object) -> None:
        self.write(msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n")

    def line(self, text: str = "") -> None:
        self.write(printable(text) + "\n")

    def write(self, text: str) -> None:
        """As it is, at once."""
        self._stream.write(text)
        self._stream.flush()

    def paint(self, text: str, colour: str) -> str:
        """For `write`: the text, made printable, in a colour where there are colours."""
        text = printable(text)
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._colours else text


def printable(text: str) -> str:
    """What a model or a tool wrote cannot move the cursor or change the terminal's title."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).encode("utf-8", "replace").decode()


def table(items: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """Lines of aligned columns under their names."""
    rows = [[name.upper().replace("_", " ") for name in columns]]
    rows += [[cell(item.get(name)) for name in columns] for item in items]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def cell(value: Any) -> str:
    """A value on one line; nothing is a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return ", ".join(value) or "-"
    return " ".join(value.split()) if isinstance(value, str) else compact(value)


def compact(value: object) -> str:
    """Any plain value as JSON on one line."""
    return msgspec.json.encode(value, enc_hook=repr).decode()


def complain(error: BaseError, *, json: bool = False, stream: TextIO | None = None) -> None:
    """An error on stderr: a sentence, or with --json an object with all its problems."""
    output = CommandOutput(json=json, stream=stream or sys.stderr)
    if not json:
        output.write(output.paint("error: ", "red") + printable(error.message) + "\n")
        return
    problems = error.problems if isinstance(error, ConfigurationError) else ()
    output.data({"error": error.message, "code": error.code, "problems": problems})


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Url = Annotated[
    str | None, typer.Option("--url", help="Ask the server at this address, such as http://127.0.0.1:8000.")
]
AgentPath = Annotated[
    Path | None, typer.Argument(metavar="PATH", help="Agent file, or folder of them. [AGENT_PATH, else agent.yaml]")
]
Offline = Annotated[bool, typer.Option("--offline", help="Let the built-in offline model answer.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")]
Principal = Annotated[str, typer.Option("--principal", help="Whose, in the journal's file; a server goes by the key.")]
