"""A log record has its own names (`thread`, `module`, …): an extra field of such a name raises."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator

from tests.harness.source_tree import nodes

TAKEN = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def _fields(function: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every field of an `extra=` in the function, written there or under a name."""
    inside = list(ast.walk(function))
    extras = [
        word.value for call in inside if isinstance(call, ast.Call) for word in call.keywords if word.arg == "extra"
    ]
    names = {extra.id for extra in extras if isinstance(extra, ast.Name)}
    given = [node for node in inside if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in names]
    for value in (*extras, *(node.value for node in given)):
        if isinstance(value, ast.Dict):
            yield from ((key.lineno, key.value) for key in value.keys if isinstance(key, ast.Constant))


def test_no_field_has_a_name_that_is_taken() -> None:
    functions = nodes(ast.FunctionDef, ast.AsyncFunctionDef)
    assert not [f"{file}:{line} {name}" for file, node in functions for line, name in _fields(node) if name in TAKEN]
