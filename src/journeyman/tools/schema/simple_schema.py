"""A simple JSON Schema read back as arguments, so that the common case needs no second validator.

Simple: properties of plain types, lists, enums and null, without other keywords. Anything else is None.
"""

from __future__ import annotations

import functools
import operator
import types
from typing import Any, Literal

from journeyman.events.messages import JSON
from journeyman.tools.schema.signature import REQUIRED, Argument

_TYPES: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}
_SAID = {"description", "default", "title"}  # keywords that demand nothing


def arguments_of(schema: dict[str, JSON]) -> tuple[Argument, ...] | None:
    """The arguments that a simple schema describes; None if it says more than types."""
    if set(schema) - {"type", "properties", "required", "additionalProperties"} or _is_open(schema):
        return None
    required = schema.get("required", [])
    arguments = []
    for name, node in schema.get("properties", {}).items():
        hint = _hint(node)
        if hint is REQUIRED:
            return None
        default = REQUIRED if name in required else node.get("default")
        arguments.append(Argument(name=name, hint=hint, default=default))
    return tuple(arguments)


def _is_open(schema: dict[str, JSON]) -> bool:
    return schema.get("additionalProperties", True) is not False


def _hint(node: JSON) -> Any:
    """The Python type of a schema node; REQUIRED stands for "cannot say"."""
    if not isinstance(node, dict):
        return REQUIRED
    said = {key: value for key, value in node.items() if key not in _SAID}
    if not said:
        return Any
    if set(said) == {"anyOf"}:
        hints = [_hint(part) for part in said["anyOf"]]
        return REQUIRED if REQUIRED in hints else functools.reduce(operator.or_, hints)
    if said.get("type") == "string" and set(said) == {"type", "enum"}:
        return Literal[tuple(said["enum"])]
    if said.get("type") == "array" and set(said) <= {"type", "items"}:
        item = _hint(said.get("items", {}))
        return REQUIRED if item is REQUIRED else types.GenericAlias(list, (item,))
    if said == {"type": "object", "additionalProperties": True}:
        return dict[str, Any]
    if set(said) != {"type"} or not isinstance(said["type"], str):
        return REQUIRED
    return _TYPES.get(said["type"], REQUIRED)
