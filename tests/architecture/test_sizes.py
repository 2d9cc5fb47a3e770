"""Small enough to see: files near 150 lines, functions near 10, with a hard end for both."""

from __future__ import annotations

import ast
import statistics

from tests.harness.source_tree import SOURCE, nodes

LINES_OF_A_FILE = 600
LINES_OF_A_FUNCTION = 60
MEDIAN = 150
LONG_FUNCTIONS = {  # "file:name" -> why it may be longer
    "src/journeyman/server/composition.py:join": "every part is named once, in the order in which they need each other",
}


def _lengths() -> dict[str, int]:
    return {str(file.relative_to(SOURCE)): len(file.read_text().splitlines()) for file in SOURCE.rglob("*.py")}


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    too_long = {file: lines for file, lines in _lengths().items() if lines > LINES_OF_A_FILE}
    assert not too_long


def test_files_are_small_in_the_median() -> None:
    lengths = [lines for lines in _lengths().values() if lines > 1]
    median, largest = statistics.median(lengths), max(lengths)
    print(f"{len(lengths)} files, median {median:g} lines, largest {largest}")
    assert median <= MEDIAN


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = []
    for file, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        lines = (node.end_lineno or 0) - node.lineno + 1
        if lines > LINES_OF_A_FUNCTION and f"{file}:{node.name}" not in LONG_FUNCTIONS:
            too_long.append(f"{file}:{node.lineno} {node.name}: {lines} lines")
    assert not too_long
