"""docs/security.md has every known risk and rule: in a table with code and a test, or said not to be here."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/security.md").read_text()
COLUMNS = ["mechanism here", "module", "test"]
RISKS = [str(number) for number in range(1, 28)]
RULES = [f"R{number}" for number in range(1, 22)]
WALLS = [f"W{number}" for number in range(1, 14)]
Rows = list[list[str]]


def section(name: str) -> list[str]:
    """The lines under a heading."""
    return TEXT.split(f"\n## {name}\n")[1].split("\n## ")[0].splitlines()


def table(name: str) -> Rows:
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in section(name) if line.startswith("|")]


TABLES = {name: table(name) for name in ("Risks", "Rules", "Walls")}
ROWS = [row for rows in TABLES.values() for row in rows[2:]]
NOT_HERE = [line for line in section("Not here") if line]


@cache
def defined(path: str) -> frozenset[str]:
    return frozenset(re.findall(r"^\s*(?:async )?def (test_\w+)\(", (ROOT / path).read_text(), re.MULTILINE))


def paths(cell: str) -> list[str]:
    """A cell of modules or tests: paths in backticks with a space between, and nothing else."""
    assert re.fullmatch(r"`[^` ]+`(?: `[^` ]+`)*", cell), cell
    return re.findall(r"`([^`]+)`", cell)


def numbers(lines: list[str]) -> list[str]:
    """What each begins with: the number of a risk or a rule; no number, nothing."""
    return [match[1] for line in lines if (match := re.match(r"([RW]?\d+) ", line))]


def test_each_table_has_the_four_columns() -> None:
    assert {name: rows[0] for name, rows in TABLES.items()} == {
        "Risks": ["risk", *COLUMNS],
        "Rules": ["rule", *COLUMNS],
        "Walls": ["attack", *COLUMNS],
    }
    assert {tuple(rows[1]) for rows in TABLES.values()} == {("---",) * 4}


@pytest.mark.parametrize(("name", "expected"), [("Risks", RISKS), ("Rules", RULES)])
def test_every_number_is_in_its_table_or_said_not_to_be_here(name: str, expected: list[str]) -> None:
    claimed = numbers([row[0] for row in TABLES[name][2:]])
    assert len(claimed) == len(TABLES[name]) - 2, "every row has a number"
    missing = numbers([line.removeprefix("- ") for line in NOT_HERE])
    assert claimed == [number for number in expected if number in claimed], "in order, once, and no other"
    assert not set(expected) - set(claimed) - set(missing)
    assert set(missing) <= {*RISKS, *RULES, *WALLS}


def test_the_walls_are_in_order() -> None:
    claimed = numbers([row[0] for row in TABLES["Walls"][2:]])
    assert len(claimed) == len(TABLES["Walls"]) - 2, "every row has a number"
    assert claimed == [number for number in WALLS for _ in range(claimed.count(number))], "in order, and no other"


def test_no_cell_is_empty() -> None:
    assert not [row for row in ROWS if len(row) != 4 or not all(re.search(r"\w", cell) for cell in row)]


def test_every_module_is_there() -> None:
    assert not [path for row in ROWS for path in paths(row[2]) if not (ROOT / path).is_file()]


def test_every_test_is_there() -> None:
    missing = []
    for row in ROWS:
        for place in paths(row[3]):
            path, _, test = place.partition("::")
            is_there = path.startswith("tests/") and (ROOT / path).is_file() and defined(path)
            if not is_there or (test and test not in defined(path)):
                missing.append(place)
    assert not missing


def test_what_is_not_here_is_a_line_each() -> None:
    assert len(NOT_HERE) > 5
    assert not [line for line in NOT_HERE if not re.fullmatch(r"- \S.*\.", line)]
