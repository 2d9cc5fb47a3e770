"""String literals of a source tree: constants, and f-strings with a `{name!r:spec}` for each part that is not constant.

Two sentences are one (`key`) when their constant parts, conversions and format specs are: names may change.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_PART = re.compile(r"\{\{|\}\}|\{[^{}!:]*(![rsa])?(:[^{}]*)?\}")


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each, docstrings left out; braces that are text are doubled."""
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                left_out.add(id(first.value))
        elif isinstance(node, ast.JoinedStr):
            left_out |= {id(part) for part in node.values if isinstance(part, ast.Constant)}
            left_out |= {id(part.format_spec) for part in node.values if isinstance(part, ast.FormattedValue)}
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, _doubled(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(_part(part) for part in node.values)


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        conversion = "" if part.conversion == -1 else f"!{chr(part.conversion)}"
        spec = "" if part.format_spec is None else ":" + _spec(part.format_spec)
        return "{" + _name(part.value) + conversion + spec + "}"
    assert isinstance(part, ast.Constant)
    return _doubled(part.value)


def _spec(spec: ast.expr) -> str:
    assert isinstance(spec, ast.JoinedStr)
    return "".join(part.value if isinstance(part, ast.Constant) else "*" for part in spec.values)


def _name(value: ast.expr) -> str:
    """Something to read by; it is not compared."""
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Subscript(value=inner) | ast.Call(func=inner) | ast.BinOp(left=inner):
            return _name(inner)
        case _:
            return "text"


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def key(sentence: str) -> str:
    """What is compared of a sentence."""
    return _PART.sub(
        lambda found: found[0] if found[0] in ("{{", "}}") else f"{{{found[1] or ''}{found[2] or ''}}}", sentence
    )


def keys(folder: Path) -> dict[str, str]:
    """Every sentence of a tree's files: what is compared of it -> file and line."""
    found: dict[str, str] = {}
    for file in sorted(folder.rglob("*.py")):
        for line, text in literals(ast.parse(file.read_text(encoding="utf-8"))):
            found.setdefault(key(text), f"{file.relative_to(folder)}:{line}")
    return found


def written(text: str) -> str:
    """A sentence as a line of a file."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def read(path: Path) -> list[str]:
    """The sentences of such a file, without its comments and blank lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.strip() and not line.startswith("# ")]
    return [re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), line) for line in kept]
