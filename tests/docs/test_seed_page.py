"""docs/seed.md has a row for everything of the first sketch of this server, and each leads to code and a test."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.seed_names import NOT_YET, SEED

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/seed.md").read_text()
SEQUENCES = "tests/behaviour/test_seed_sequences.py"
COLUMNS = ["in the seed", "here", "module", "test"]
Rows = list[list[str]]


def tables() -> dict[str, Rows]:
    """`section: table` -> rows of cells; the rows under one heading are one table."""
    found: dict[str, Rows] = {}
    section = name = ""
    for line in TEXT.splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("### "):
            name = f"{section}: {line[4:]}"
        elif line.startswith("|"):
            found.setdefault(name, []).append([cell.strip() for cell in line[1:-1].split("|")])
    return found


TABLES = {name: rows[2:] for name, rows in tables().items()}
ROWS = [(name, row) for name, rows in TABLES.items() for row in rows]


@cache
def defined(path: str) -> frozenset[str]:
    return frozenset(re.findall(r"^\s*(?:async )?def (test_\w+)\(", (ROOT / path).read_text(), re.MULTILINE))


def paths(cell: str) -> list[str]:
    """A cell of modules or tests: paths in backticks with a space between, and nothing else."""
    assert re.fullmatch(r"`[^` ]+`(?: `[^` ]+`)*", cell), cell
    return re.findall(r"`([^`]+)`", cell)


def test_each_table_has_the_four_columns() -> None:
    assert {name: rows[0] for name, rows in tables().items()} == dict.fromkeys(SEED, COLUMNS)
    assert {tuple(rows[1]) for rows in tables().values()} == {("---",) * 4}


@pytest.mark.parametrize("table", SEED)
def test_the_seed_is_there_row_by_row(table: str) -> None:
    assert [row[0].strip("`") for row in TABLES[table]] == SEED[table].split("\n")[1:-1]


@pytest.mark.parametrize("table", SEED)
def test_no_name_is_there_twice(table: str) -> None:
    names = [row[0] for row in TABLES[table]]
    assert len(names) == len(set(names))


def test_no_cell_is_empty() -> None:
    assert not [(name, row) for name, row in ROWS if len(row) != 4 or not all(re.search(r"\w", cell) for cell in row)]


def test_every_module_is_there() -> None:
    assert not [path for _, row in ROWS for path in paths(row[2]) if not (ROOT / path).is_file()]


def test_every_test_is_there() -> None:
    missing = []
    for _, row in ROWS:
        for place in paths(row[3]):
            path, _, test = place.partition("::")
            is_there = path.startswith("tests/") and (ROOT / path).is_file() and defined(path)
            if not is_there or (test and test not in defined(path)):
                missing.append(place)
    assert not missing


def test_every_arrow_of_a_sequence_has_the_test_of_its_name() -> None:
    arrows = [(row[0], row[3]) for _, row in ROWS if ": " in row[0] and " → " in row[0]]
    assert dict(arrows) == {arrow: f"`{SEQUENCES}::{_named(arrow)}`" for arrow, _ in arrows}
    assert {_named(arrow) for arrow, _ in arrows} == defined(SEQUENCES)


def _named(arrow: str) -> str:
    """`Agent → ToolRegistry: Request Tool` -> test_agent_to_tool_registry_request_tool."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", arrow.replace("FastAPI", "Fastapi").replace(" → ", " to "))
    return "test_" + re.sub(r"\W+", "_", words).lower()


def test_what_is_not_there_yet_is_said_and_not_claimed() -> None:
    said = re.search(r"^Not there yet: (.*?)\.\n\n", TEXT, re.MULTILINE | re.DOTALL)
    assert tuple(name.strip("` \n") for name in said[1].split("·")) == NOT_YET if said else not NOT_YET
    assert not {row[0].strip("`") for _, row in ROWS} & set(NOT_YET)
