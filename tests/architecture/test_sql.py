"""SQL is constant text: no value and no name is ever written into a statement."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.harness.source_tree import nodes

RUNNERS = ("execute", "executemany", "executescript")
# Where a statement is put together, from constants alone -> why.
JOINED = {
    "src/journeyman/journal/sqlite/reads.py:runs": "constant conditions, one for each filter given; values are bound",
}


def _made(node: ast.expr) -> bool:
    """Whether the expression makes text out of parts."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ("format", "join", "replace")
    return isinstance(node, ast.JoinedStr | ast.BinOp)


def _made_statements() -> Iterator[str]:
    """Functions that run a statement which is made of parts, there or under a name."""
    for file, function in nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function):
            match node:
                case ast.Call(func=ast.Attribute(attr=attr), args=[statement, *_]) if attr in RUNNERS:
                    if _made(statement) or (isinstance(statement, ast.Name) and _assigned(function, statement.id)):
                        yield f"{file}:{function.name}"


def _assigned(function: ast.AST, name: str) -> bool:
    made = [node for node in ast.walk(function) if isinstance(node, ast.Assign) and _made(node.value)]
    return any(getattr(target, "id", None) == name for node in made for target in node.targets)


def test_no_statement_is_made_of_parts() -> None:
    assert set(_made_statements()) <= set(JOINED)
