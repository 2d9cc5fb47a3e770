"""A JSON Schema that another party wrote, checked within a bound of time and memory. Pure.

A check runs in the event loop and cannot be stopped, so what it costs is counted before: see `schema_cost`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from journeyman.errors import ValidationError
from journeyman.events.messages import JSON
from journeyman.tools.schema.schema_compiler import SchemaCompiler
from journeyman.tools.schema.schema_cost import cost_of

MOST_SUBSCHEMAS = 10_000  # with each reference written out; a cycle counts once
MOST_CHECKS = 200_000  # of one value: 10 ms
_MOST_LISTED = 1_000  # checks up to which each problem is listed, since a problem takes kilobytes
_PLAIN = {"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples"}
_PLAIN |= {"type", "properties", "required", "additionalProperties", "minProperties", "maxProperties"}
_OF_THE_VALUE_ITSELF = {"$schema", "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum"}
_OF_THE_VALUE_ITSELF |= {"exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems"}
_OF_THE_VALUE_ITSELF |= {"minProperties", "maxProperties"}


class SchemaProblem(NamedTuple):
    """A problem of a value: where it is, by keys and indexes, and a sentence about it."""

    path: tuple[str | int, ...]
    message: str


class ForeignSchema:
    """A compiled JSON Schema. Patterns match in linear time, and references cannot leave the schema."""

    def __init__(self, schema: Mapping[str, JSON], *, mask: str | None = None) -> None:
        """Compile `schema`. Raises ValidationError (`invalid_schema`) if it is not a JSON Schema.

        `mask` stands for values in messages; None: messages quote values.
        """
        self._schema = dict(schema)
        self._compiler = SchemaCompiler(self._schema, mask)
        self._cost = cost_of(self._schema, self._compiler.pattern_size)
        self._validator = self._compiler.compile(self._schema)

    def refuse_if_costly(self) -> None:
        """Raise ValidationError (`invalid_schema`) if values could be too costly to check against the schema."""
        if self._cost.subschemas > MOST_SUBSCHEMAS:
            text = f"it has more than {MOST_SUBSCHEMAS} subschemas with each reference written out"
            raise ValidationError(f"too costly to check: {text}", code="invalid_schema")

    def problems(self, value: JSON, most: int, *, bounded: bool = True) -> list[SchemaProblem]:
        """Return up to `most` problems of `value`: none if it fits, and one if it is too large to be checked.

        With `bounded` false, yes or no is found however long that takes.
        """
        if bounded and self._cost.checks(value) > MOST_CHECKS:
            return [SchemaProblem((), "too large to be checked against its schema: give less at once")]
        if self._validator.is_valid(value):
            return []
        if isinstance(value, dict) and self._is_plain():
            found = self._problems_by_member(value, most)
        else:
            listed = self._cost.may_list(value, _MOST_LISTED)
            found = _listed(self._validator, value, most) if listed else []
        return found[:most] or [self._problem_of_value_itself(self._schema, value)]

    def _is_plain(self) -> bool:
        """Return whether each member of an object has one subschema at most: the one of its name."""
        has_address = "://" in self._schema.get("$id", "://")
        rest = self._schema.get("additionalProperties", True)
        return set(self._schema) <= _PLAIN and isinstance(rest, bool) and has_address

    @cached_property
    def _without_members(self) -> Any:
        """The validator of an object by all but the schemas of its members."""
        members = dict.fromkeys(self._schema.get("properties", {}), True)
        return self._compiler.compile({**self._schema, "properties": members, "required": []})

    def _problems_by_member(self, value: dict[str, JSON], most: int) -> list[SchemaProblem]:
        found = _missing(self._schema, value, most)
        found += _listed(self._without_members, value, most)
        for name in self._schema.get("properties", {}):
            if name in value and len(found) < most:
                found += self._problems_of_member(name, value[name], most)
        return found

    def _problems_of_member(self, name: str, value: JSON, most: int) -> list[SchemaProblem]:
        validator = self._compiler.member(name)
        if validator.is_valid(value):
            return []
        if self._cost.may_list(value, _MOST_LISTED, name):
            found = _listed(validator, value, most)
        else:
            found = [self._problem_of_value_itself(self._schema["properties"][name], value)]
        return [SchemaProblem((name, *path), message) for path, message in found]

    def _problem_of_value_itself(self, schema: JSON, value: JSON) -> SchemaProblem:
        """Return one problem without a look at the members and items of the value."""
        if isinstance(value, dict) and (missing := _missing(schema, value, 1)):
            return missing[0]
        itself = {key: rule for key, rule in schema.items() if key in _OF_THE_VALUE_ITSELF}
        choices = len(itself["enum"]) if isinstance(itself.get("enum"), list) else 0
        if choices > _MOST_LISTED:  # a sentence with all of them takes longer than the check
            del itself["enum"]
        if found := _listed(self._compiler.compile(itself), value, 1):
            return found[0]
        more = f", which names {choices} values" if choices > _MOST_LISTED else ""
        return SchemaProblem((), f"does not fit its schema{more}")


def _missing(schema: JSON, value: dict[str, JSON], most: int) -> list[SchemaProblem]:
    missing = (name for name in schema.get("required", ()) if name not in value)
    return [SchemaProblem((), f'"{name}" is a required property') for name in islice(missing, most)]


def _listed(validator: Any, value: JSON, most: int) -> list[SchemaProblem]:
    return [
        SchemaProblem(tuple(error.instance_path), error.message) for error in islice(validator.iter_errors(value), most)
    ]
