"""The outcome table: what happens when a neighbour is not as it should be, as the tests declare it.

A test declares its cell with `@cell(neighbour, moment, outcome)`. The table is made of these declarations alone.

python -m tests.surroundings.table           # writes the table into docs/reference/surroundings.md
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, get_args

import pytest

from tests.harness.source_tree import ROOT

Neighbour = Literal[
    "agent file",
    "node code",
    "tool code",
    "MCP server",
    "gateway",
    "key",
    "Redis",
    "journal file",
    "disk",
    "clock",
    "memory",
    "descriptors",
]
Moment = Literal["before the start", "at resume", "in a call", "in a pause"]
NEIGHBOURS: tuple[Neighbour, ...] = get_args(Neighbour)
MOMENTS: tuple[Moment, ...] = get_args(Moment)
F = TypeVar("F", bound=Callable[..., Any])
PAGE = ROOT / "docs/reference/surroundings.md"
BEGIN, END = "<!-- table: written by tests/surroundings/table.py -->\n", "<!-- end of the table -->\n"


@dataclass(frozen=True, slots=True)
class Cell:
    """A neighbour at a moment, and the outcome in one or two sentences. `case` tells the rows of one cell apart."""

    neighbour: Neighbour
    moment: Moment
    outcome: str
    case: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A cell with the test that declares it. `long`: it runs in `make test-long` only."""

    cell: Cell
    file: Path
    test: str
    long: bool

    @property
    def place(self) -> tuple[int, int]:
        """The place of the row in the table."""
        return NEIGHBOURS.index(self.cell.neighbour), MOMENTS.index(self.cell.moment)


def cell(neighbour: Neighbour, moment: Moment, outcome: str, *, case: str = "") -> Callable[[F], F]:
    """Declare which cell of the table the decorated test proves."""
    mark: Callable[[F], F] = pytest.mark.cell(Cell(neighbour, moment, outcome, case))
    return mark


def rows() -> list[Row]:
    """Return every declared cell, in the order of the table."""
    found = [row for module in _modules() for row in _rows_of(module)]
    return sorted(found, key=lambda row: row.place)


def _modules() -> Iterator[ModuleType]:
    """Import the test files that declare cells."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        if "import cell" in file.read_text():
            yield import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def _rows_of(module: ModuleType) -> Iterator[Row]:
    """Return the cells of a file in the order of its tests."""
    file = Path(module.__file__ or "")
    everywhere = _names(getattr(module, "pytestmark", []))
    for statement in ast.parse(file.read_text()).body:
        marks = getattr(getattr(module, getattr(statement, "name", ""), None), "pytestmark", [])
        for mark in reversed(marks):
            if mark.name == "cell":
                long = "long" in everywhere | _names(marks)
                yield Row(mark.args[0], file.relative_to(ROOT), statement.name, long)  # type: ignore[attr-defined]


def _names(marks: Any) -> set[str]:
    return {mark.name for mark in (marks if isinstance(marks, list) else [marks])}


def table() -> str:
    """Return the table of the page: a section for each neighbour."""
    lines = [(row.place, _line(row)) for row in rows()]
    return "\n".join(_section(number, lines) for number in range(len(NEIGHBOURS)))


def _section(number: int, lines: list[tuple[tuple[int, int], str]]) -> str:
    title = NEIGHBOURS[number][0].upper() + NEIGHBOURS[number][1:]
    own = sorted((line for line in lines if line[0][0] == number), key=lambda line: line[0])
    head = f"## {title}\n\n| moment | case | what happens | test |\n|---|---|---|---|\n"
    return head + "".join(f"{line}\n" for _, line in own)


def _line(row: Row) -> str:
    words = row.test.removeprefix("test_").replace("_", " ")
    suite = ", long" if row.long else ""
    proof = f"[{words}](../../{row.file}){suite}"
    return f"| {row.cell.moment} | {row.cell.case} | {row.cell.outcome} | {proof} |"


def page_with(written: str) -> str:
    """Return the page with this table in it."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}{written}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page_with(table()))
