"""Fills in the defaults that a JSON Schema names, so that a call is shown and checked with what it runs with. Pure.

A default of null is left out, as the argument is: both say that there is no value.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from journeyman.errors import ToolValidationError
from journeyman.events.messages import JSON

MOST_FILLED = 10_000  # defaults in one call: lists of objects can have any number
_MOST_REFERENCES = 20  # one after the other, which may be a circle


def defaults_of(schema: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the default of each property that has one."""
    members = schema.get("properties")
    if not isinstance(members, Mapping):
        return {}
    return {name: node["default"] for name, node in members.items() if _has_default(node)}


def may_have_defaults(schema: Mapping[str, JSON]) -> bool:
    """Return whether a schema names defaults anywhere. A property called `default` counts as well."""
    return b'"default":' in msgspec.json.encode(schema)


def with_all_defaults(values: dict[str, JSON], schema: dict[str, JSON]) -> dict[str, JSON]:
    """Return the arguments with each default of the schema, also in objects within them.

    Raises ToolValidationError (`invalid_arguments`) if that would be more than MOST_FILLED.
    """
    return _Filling(schema).filled(values, schema)  # type: ignore[no-any-return]


def _has_default(node: JSON) -> bool:
    return isinstance(node, Mapping) and node.get("default") is not None and _is_json(node["default"])


def _is_json(value: JSON) -> bool:
    """Return whether a default can be recorded: infinity and NaN, which Python has as defaults, cannot."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_json, value.values()))
    return all(map(_is_json, value)) if isinstance(value, list) else True


class _Filling:
    """The defaults of one call, counted while they are filled in."""

    def __init__(self, schema: dict[str, JSON]) -> None:
        self._root = schema
        self._left = MOST_FILLED

    def filled(self, value: JSON, schema: JSON) -> JSON:
        """Return `value` with the defaults of `schema`; the same object if there are none."""
        if not isinstance(value, dict | list):
            return value
        node = self._node(schema, type(value))
        if isinstance(value, list):
            items = node.get("items")
            return [self.filled(item, items) for item in value] if isinstance(items, dict) else value
        members = node.get("properties")
        if not isinstance(members, dict):
            return value
        kept = {name: self.filled(each, members.get(name)) for name, each in value.items()}
        return kept | dict(self._missing(value, members))

    def _missing(self, value: dict[str, JSON], members: dict[str, JSON]) -> Iterator[tuple[str, JSON]]:
        for name, node in members.items():
            if name in value or not _has_default(node):
                continue
            self._left -= 1
            if self._left < 0:
                text = f"arguments: more than {MOST_FILLED} defaults are left out: give less at once"
                raise ToolValidationError(text, code="invalid_arguments")
            yield name, copy.deepcopy(node["default"])

    def _node(self, schema: JSON, kind: type[Any]) -> dict[str, JSON]:
        """Return the subschema that describes a value of this kind: behind references, and the only such alternative.

        It is empty if there is none.
        """
        for _ in range(_MOST_REFERENCES):
            if not isinstance(schema, dict):
                return {}
            inner = _inner(schema, kind)
            if inner is None:
                return schema
            schema = self._referred(inner)
        return {}

    def _referred(self, schema: JSON) -> JSON:
        """Return what a schema's reference is to; the schema itself if it has none."""
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str):
            return schema
        node: JSON = self._root
        for key in reference.removeprefix("#").split("/")[1:]:
            node = node.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        return node if reference.startswith("#") else None


def _inner(schema: dict[str, JSON], kind: type[Any]) -> JSON | None:
    """Return the schema that this one stands for. None: it describes the value by itself."""
    if "$ref" in schema:
        return schema
    if "properties" in schema or "items" in schema:
        return None
    for way in ("anyOf", "oneOf", "allOf"):
        if isinstance(parts := schema.get(way), list):
            fitting = [part for part in parts if _may_be(part, kind)]
            return fitting[0] if len(fitting) == 1 else {}
    return None


def _may_be(schema: JSON, kind: type[Any]) -> bool:
    """Return whether a schema may describe an object or a list: only its type is looked at."""
    wanted = "object" if kind is dict else "array"
    type_ = schema.get("type", wanted) if isinstance(schema, dict) else None
    return wanted in type_ if isinstance(type_, list) else type_ == wanted
