"""What is not in the docs breaks the build: every event with its fields, every error, every public name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import msgspec
import pytest

import journeyman
from journeyman import errors
from journeyman.events.codec import EVENT_TYPES
from tests.harness.source_tree import nodes, page

CODE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def _text(node: ast.expr | None) -> Iterator[str]:
    """The words that the expression may be, both arms of a conditional included."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*_text(node.body), *_text(node.orelse))
    elif isinstance(node, ast.BoolOp):
        yield from (word for value in node.values for word in _text(value))


def _given(node: ast.AST) -> Iterator[ast.expr | None]:
    """The expressions that give a code: `code="…"`, the first argument of a Failure, `default_code = "…"`."""
    match node:
        case ast.Call(func=ast.Name(id="Failure"), args=[first, *_]):
            yield first
        case ast.Call(keywords=keywords):
            yield from (keyword.value for keyword in keywords if keyword.arg == "code")
        case ast.Assign(targets=[ast.Name(id="default_code")], value=value):
            yield value
        case ast.AnnAssign(target=ast.Name(id="default_code"), value=value):
            yield value


def _raised_codes() -> dict[str, str]:
    """Code -> where it is given."""
    found: dict[str, str] = {}
    for file, node in nodes(ast.Call, ast.Assign, ast.AnnAssign):
        words = [word for expression in _given(node) for word in _text(expression)]
        found |= {word: f"{file}:{getattr(node, 'lineno', 0)}" for word in words if CODE.fullmatch(word)}
    return found


def test_every_error_code_is_documented() -> None:
    described = set(re.findall(r"`([a-z0-9_]+)`", page("reference/errors.md")))
    assert not {code: place for code, place in _raised_codes().items() if code not in described}


def test_every_error_class_is_documented() -> None:
    text = page("reference/errors.md")
    classes = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)]
    assert not [name for name in classes if f"`{name}`" not in text]


def _sections() -> dict[str, str]:
    parts = re.split(r"^### `([a-z_]+)`.*$", page("reference/events.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_event_type_is_documented_and_no_other() -> None:
    assert set(_sections()) == set(EVENT_TYPES)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_field_of_an_event_is_documented(name: str) -> None:
    section = _sections()[name]
    fields = [field.name for field in msgspec.structs.fields(EVENT_TYPES[name]) if field.name != "path"]
    assert not [field for field in fields if f"`{field}`" not in section]


def test_every_public_name_is_documented() -> None:
    text = page("reference/python.md")
    assert not [name for name in journeyman.__all__ if f"`{name}" not in text]
