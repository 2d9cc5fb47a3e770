"""Counts what it takes to check a value against a JSON Schema, before any value is checked. Pure.

A schema of 1.5 KB may take gigabytes: each subschema of an `anyOf` is tried, and each reference multiplies what it
refers to. So subschemas are counted as if each reference were written out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

from journeyman.errors import ValidationError
from journeyman.events.messages import JSON
from journeyman.tools.schema.value_size import ValueSize

MOST_LEVELS = 200  # of nested subschemas and references
_MOST_MEMBERS_COUNTED = 100  # one by one
_BYTES_PER_CHECK = 400  # reading a character by a pattern of 400 compiled bytes takes as long as one other check
_VALUES_PER_CHECK = 8  # comparing eight values takes as long as one other check

_VALUES = ("const", "enum", "default", "example", "examples")  # no schema is in them
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_SAME_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_SAME_PLACE_ONES = ("not", "if", "then", "else")
_SAME_PLACE_MAPS = ("dependentSchemas", "dependencies")
_BELOW_LISTS = ("items", "prefixItems")
_BELOW_ONES = (
    *("additionalProperties", "unevaluatedProperties", "propertyNames"),
    *("items", "additionalItems", "unevaluatedItems", "contains"),
)


class Checks(NamedTuple):
    """What is done at one place of a value: checks, and the bytes of the compiled patterns that its text is read by."""

    number: float = 0
    pattern_bytes: float = 0

    def plus(self, other: Checks) -> Checks:
        """Return the checks of both."""
        return Checks(self.number + other.number, self.pattern_bytes + other.pattern_bytes)

    def at_least(self, other: Checks) -> Checks:
        """Return the larger of each number."""
        return Checks(max(self.number, other.number), max(self.pattern_bytes, other.pattern_bytes))


_NONE = Checks()


class SchemaCost(NamedTuple):
    """What a schema can cost.

    `subschemas` counts them with each reference written out, a cycle once. The others are the most checks at any one
    place of a value: at the value itself, in its member of a name, and in any of its members or items.
    """

    subschemas: float
    here: Checks
    named: Mapping[str, Checks]
    below: Checks
    widest: Checks  # in any member
    checks_of_a_pass: float | None  # at one place, in one pass through a cycle; None: there is no cycle

    def checks(self, value: JSON) -> float:
        """Return the most checks that a value can take."""
        if not isinstance(value, dict):
            return _checks(self.here.at_least(self.below), ValueSize.of(value))
        own = _checks(self.here, ValueSize(1, sum(map(len, value)), 1))
        if len(value) > _MOST_MEMBERS_COUNTED:
            return own + _checks(self.widest, ValueSize.of(value))
        return own + sum(_checks(self._in_member(name), ValueSize.of(member)) for name, member in value.items())

    def may_list(self, value: JSON, most: int, name: str | None = None) -> bool:
        """Return whether it takes `most` checks at most to list each problem of a value, or of the member `name`.

        Problems are not remembered in a cycle, so that each level of the value can multiply them.
        """
        size = ValueSize.of(value, most)
        each = self.here.at_least(self.widest) if name is None else self._in_member(name)
        if self.checks_of_a_pass is not None:
            return bool(size.values * max(self.checks_of_a_pass, 2.0) ** min(size.levels, 50) <= most)
        return _checks(each, size) <= most

    def _in_member(self, name: str) -> Checks:
        """Return the most checks at any one place of the member `name`."""
        return self.named.get(name, _NONE).plus(self.below)


def _checks(each: Checks, size: ValueSize) -> float:
    return each.number * size.values + each.pattern_bytes * size.characters / _BYTES_PER_CHECK


class _Measured(NamedTuple):
    """What one subschema can cost: at its own place, at the members with a name, and at all other places below."""

    subschemas: float = 0
    here: Checks = _NONE
    named: Mapping[str, Checks] = {}
    below: Checks = _NONE

    def most(self) -> Checks:
        """Return the most checks at any one place."""
        most = self.here.at_least(self.below)
        for checks in self.named.values():
            most = most.at_least(checks.plus(self.below))
        return most


def cost_of(schema: Mapping[str, JSON], pattern_size: Callable[[str], int]) -> SchemaCost:
    """Return what `schema` can cost. `pattern_size` returns the bytes of a compiled pattern.

    Raises:
        ValidationError: `invalid_schema`: a reference leads nowhere, or more than 200 subschemas are nested.
    """
    measuring = _Measuring(_Document(schema), pattern_size)
    measured = measuring.measure(schema, "", 0)
    here, named, below = measured.here, measured.named, measured.below
    if measuring.found_cycle:  # yes and no are remembered in it, so each subschema is checked once at each place
        once = measuring.total
        here, below = here.at_least(once), below.at_least(once)
        named = {name: checks.at_least(once) for name, checks in named.items()}
    widest = functools.reduce(Checks.at_least, named.values(), _NONE).plus(below)
    of_a_pass = measured.most().number if measuring.found_cycle else None
    return SchemaCost(measured.subschemas, here, named, below, widest, of_a_pass)


class _Document:
    """A schema with the places that its references can lead to."""

    def __init__(self, schema: Mapping[str, JSON]) -> None:
        self._roots: dict[str, JSON] = {"": schema}  # by base address
        self._anchors: dict[str, tuple[JSON, str]] = {}  # by address with fragment -> place and its base address
        self._read(schema)

    def _read(self, schema: JSON) -> None:
        waiting: list[tuple[JSON, str]] = [(schema, "")]
        while waiting:
            node, base = waiting.pop()
            if isinstance(node, list):
                waiting += [(item, base) for item in node]
            if isinstance(node, dict):
                base = self._note(node, base)
                waiting += [(value, base) for key, value in node.items() if key not in _VALUES]

    def _note(self, node: dict[str, JSON], base: str) -> str:
        """Note the names of a place, and return the base address of what is in it."""
        identity = node.get("$id")
        if isinstance(identity, str) and not identity.startswith("#"):
            base = urldefrag(urljoin(base, identity)).url
            self._roots.setdefault(base, node)
        for key in ("$anchor", "$dynamicAnchor"):
            if isinstance(name := node.get(key), str):
                self._anchors.setdefault(f"{base}#{name}", (node, base))
        if isinstance(identity, str) and identity.startswith("#"):
            self._anchors.setdefault(f"{base}{identity}", (node, base))
        return base

    def target(self, reference: str, base: str) -> tuple[JSON, str]:
        """Return the place that a reference leads to, and its base address. Raises ValidationError."""
        address, fragment = urldefrag(urljoin(base, reference) if reference.partition("#")[0] else base + reference)
        if (anchor := self._anchors.get(f"{address}#{fragment}")) is not None:
            return anchor
        if address not in self._roots:
            raise ValidationError(
                f"not a JSON Schema: it must not refer to {reference[:100]}: write it out", code="invalid_schema"
            )
        node = self._roots[address]
        for token in fragment.split("/")[1:] if fragment.startswith("/") or not fragment else ["\0"]:
            node = _member(node, unquote(token).replace("~1", "/").replace("~0", "~"))
        if node is None:
            raise ValidationError(
                f"not a JSON Schema: its reference {reference[:100]!r} leads nowhere", code="invalid_schema"
            )
        return node, address


def _invalid(reason: str) -> ValidationError:
    return ValidationError(f"not a JSON Schema: {reason}", code="invalid_schema")


def _member(node: JSON, key: str) -> JSON:
    if isinstance(node, list):
        return node[int(key)] if key.isdecimal() and int(key) < len(node) else None
    return node.get(key) if isinstance(node, dict) else None


class _Measuring:
    """One pass over a document; what a reference leads to is measured once."""

    def __init__(self, document: _Document, pattern_size: Callable[[str], int]) -> None:
        self._document = document
        self._pattern_size = pattern_size
        self._measured: dict[int, _Measured | None] = {}  # by id of the place; None: it is being measured
        self.found_cycle = False
        self.total = _NONE  # the checks of all subschemas, each once

    def measure(self, node: JSON, base: str, level: int) -> _Measured:
        """Return what a subschema at `level` can cost. Raises ValidationError if too many are nested."""
        if not isinstance(node, dict):
            return _Measured(1, Checks(1))
        if level > MOST_LEVELS:
            raise ValidationError(
                f"too costly to check: more than {MOST_LEVELS} subschemas are nested in it", code="invalid_schema"
            )
        key = id(node)
        if key in self._measured:
            known = self._measured[key]
            self.found_cycle |= known is None
            return known or _Measured(1, Checks(1))
        self._measured[key] = None
        if isinstance(identity := node.get("$id"), str) and not identity.startswith("#"):
            base = urldefrag(urljoin(base, identity)).url
        measured = self._measured[key] = self._measure(node, base, level + 1)
        return measured

    def _measure(self, node: dict[str, JSON], base: str, level: int) -> _Measured:
        size, here, below = float("$ref" not in node), self._own(node), _NONE
        self.total = self.total.plus(here)
        named: dict[str, Checks] = {}
        for part in self._at_same_place(node, base, level):
            size, here, below = size + part.subschemas, here.plus(part.here), below.plus(part.below)
            for name, checks in part.named.items():
                named[name] = named.get(name, _NONE).plus(checks)
        for child in self._below(node, base, level):
            size, below = size + child.subschemas, below.plus(child.most())
        for name, value in _map(node, "properties").items():
            child = self.measure(value, base, level)
            size, named[name] = size + child.subschemas, named.get(name, _NONE).plus(child.most())
        if "unevaluatedProperties" in node or "unevaluatedItems" in node:  # what applies is looked for once more
            size, here = 2 * size, here.plus(here)
        return _Measured(size, here, named, below)

    def _own(self, node: dict[str, JSON]) -> Checks:
        values = _values_in(node.get("const")) + _values_in(node.get("enum"))
        values += len(node["required"]) if isinstance(node.get("required"), list) else 0
        pattern = node.get("pattern")
        size = self._pattern_size(pattern) if isinstance(pattern, str) else 0
        size += sum(self._pattern_size(key) for key in _map(node, "patternProperties"))
        return Checks(
            1 + values / _VALUES_PER_CHECK + (_VALUES_PER_CHECK if node.get("uniqueItems") is True else 0), size
        )

    def _at_same_place(self, node: dict[str, JSON], base: str, level: int) -> Iterator[_Measured]:
        for key in _REFERENCES:
            if isinstance(reference := node.get(key), str):
                target, target_base = self._document.target(reference, base)
                yield self.measure(target, target_base, level)
        for part in _parts(node, _SAME_PLACE_ONES, _SAME_PLACE_LISTS, _SAME_PLACE_MAPS):
            yield self.measure(part, base, level)

    def _below(self, node: dict[str, JSON], base: str, level: int) -> Iterator[_Measured]:
        for part in _parts(node, _BELOW_ONES, _BELOW_LISTS, ("patternProperties",)):
            yield self.measure(part, base, level)


def _parts(node: dict[str, JSON], ones: tuple[str, ...], lists: tuple[str, ...], maps: tuple[str, ...]) -> list[JSON]:
    """Return the subschemas under these keywords."""
    found = [node[key] for key in ones if isinstance(node.get(key), dict)]
    for key in lists:
        if isinstance(value := node.get(key), list):
            found += value
    for key in maps:
        found += [value for value in _map(node, key).values() if not isinstance(value, list)]
    return found


def _map(node: dict[str, JSON], key: str) -> dict[str, JSON]:
    value = node.get(key)
    return value if isinstance(value, dict) else {}


def _values_in(value: JSON) -> int:
    """Return how many values a JSON value has in it, itself included; 0 for None."""
    count, waiting = 0, [value] if value is not None else []
    while waiting:
        item = waiting.pop()
        count += 1
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return count
