"""Reads a simple JSON Schema back as arguments, so that most tools are checked by pydantic alone.

A schema is simple if its properties have plain types, lists, enums and null, and no other keywords: few in one another,
since pydantic tries each for each item.
"""

from __future__ import annotations

import functools
import operator
import types
from typing import Annotated, Any, Literal

from pydantic import FailFast

from journeyman.events.messages import JSON
from journeyman.tools.schema.signature import REQUIRED, Argument

_NOT_SIMPLE: Any = object()
_MOST_LEVELS = 4
_MOST_ALTERNATIVES = 8
_TYPES: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}
_ANNOTATIONS = {"description", "default", "title"}  # keywords that restrict nothing


class _FirstProblem(FailFast):
    """A mark of a list that is checked up to its first problem: a list of 100,000 has one problem, not as many."""

    __hash__ = object.__hash__  # as types have, of which a union consists


_FIRST = _FirstProblem()


def arguments_of(schema: dict[str, JSON]) -> tuple[Argument, ...] | None:
    """Return the arguments that a schema describes; None if it is not simple."""
    if set(schema) - {"type", "properties", "required", "additionalProperties"} or _is_open(schema):
        return None
    required = schema.get("required", [])
    arguments = []
    for name, node in schema.get("properties", {}).items():
        hint = _hint(node)
        if hint is _NOT_SIMPLE:
            return None
        default = REQUIRED if name in required else node.get("default")
        arguments.append(Argument(name=name, hint=hint, default=default))
    return tuple(arguments)


def _is_open(schema: dict[str, JSON]) -> bool:
    return schema.get("additionalProperties", True) is not False


def _hint(node: JSON, level: int = 1) -> Any:
    """Return the Python type of a schema node; `_NOT_SIMPLE` if it has none."""
    if not isinstance(node, dict) or level > _MOST_LEVELS:
        return _NOT_SIMPLE
    rules = {key: value for key, value in node.items() if key not in _ANNOTATIONS}
    if not rules:
        return Any
    if set(rules) == {"anyOf"}:
        hints = [_hint(part, level + 1) for part in rules["anyOf"][: _MOST_ALTERNATIVES + 1]]
        return (
            _NOT_SIMPLE
            if _NOT_SIMPLE in hints or len(hints) > _MOST_ALTERNATIVES
            else functools.reduce(operator.or_, hints)
        )
    if rules.get("type") == "string" and set(rules) == {"type", "enum"}:
        return Literal[tuple(rules["enum"])]
    if rules.get("type") == "array" and set(rules) <= {"type", "items"}:
        item = _hint(rules.get("items", {}), level + 1)
        return _NOT_SIMPLE if item is _NOT_SIMPLE else Annotated[types.GenericAlias(list, (item,)), _FIRST]
    if rules == {"type": "object", "additionalProperties": True}:
        return dict[str, Any]
    if set(rules) != {"type"} or not isinstance(rules["type"], str):
        return _NOT_SIMPLE
    return _TYPES.get(rules["type"], _NOT_SIMPLE)
