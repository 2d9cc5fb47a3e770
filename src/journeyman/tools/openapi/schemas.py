"""The schemas of one operation as one JSON Schema (2020-12): references become `$defs`, cyclic ones included."""

from __future__ import annotations

import re
from typing import Any

from journeyman.events.messages import JSON
from journeyman.tools.openapi.references import DocumentPath, Node, References, UnusableError

MAX_DEFINITIONS = 100
DESCRIPTION_CAP = 300  # characters

# Keyword -> whether what it holds looks at the very same value: a circle of such never ends.
_ONE = {"not": True, "if": True, "then": True, "else": True, "items": False, "contains": False, "propertyNames": False}
_ONE_OR_BOOL = {"additionalProperties": False}
_LISTS = {"allOf": True, "anyOf": True, "oneOf": True, "prefixItems": False}
_MAPPINGS = {"properties": False, "patternProperties": False, "dependentSchemas": True}
_ASSERTIONS = """
    type enum const default required format pattern title minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
    minLength maxLength minItems maxItems uniqueItems minContains maxContains minProperties maxProperties
    dependentRequired
"""
_PLAIN = frozenset(_ASSERTIONS.split())  # taken over as they stand
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def short_text(value: JSON, cap: int) -> str:
    """A text of the document, for the model: on one line, cut."""
    text = _CONTROL.sub(" ", value).strip() if isinstance(value, str) else ""
    return text if len(text) <= cap else text[: cap - 1] + "…"


class Schemas:
    """Converts schemas; what they refer to gathers in `definitions`. `dialect` is (3, 0) or (3, 1)."""

    def __init__(self, references: References, dialect: tuple[int, int]) -> None:
        self._references = references
        self._is_30 = dialect == (3, 0)
        self._names: dict[DocumentPath, str] = {}
        self._waiting: list[Node] = []
        self._same_value: dict[str, set[str]] = {}  # definition -> definitions that look at the same value
        self.definitions: dict[str, JSON] = {}

    def convert(self, node: Node) -> JSON:
        """The schema at `node`. Raises UnusableError."""
        converted = self._schema(node, None)
        while self._waiting:
            target = self._waiting.pop()
            name = self._names[target.path]
            self.definitions[name] = self._schema(target, name)
        self._refuse_circles(node)
        return converted

    def _schema(self, node: Node, owner: str | None, same: bool = True) -> JSON:
        value = node.value
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict):
            raise UnusableError(node.path, "a schema must be a mapping", "correct the document")
        if "$dynamicRef" in value or "$recursiveRef" in value:
            raise UnusableError(node.path, "dynamic references in schemas are not supported", "use $ref")
        converted: dict[str, JSON] = {}
        if "$ref" in value:
            converted["$ref"] = f"#/$defs/{self._definition(node, owner if same else None)}"
        if "$ref" not in value or not self._is_30:  # in 3.0 nothing beside a $ref counts
            self._keywords(node, owner, same, converted)
        if description := short_text(value.get("description"), DESCRIPTION_CAP):
            converted["description"] = description
        return _of_30(value, converted) if self._is_30 else converted

    def _keywords(self, node: Node, owner: str | None, same: bool, converted: dict[str, JSON]) -> None:
        for key, given in node.value.items():
            if key in _PLAIN:
                converted[key] = given
            elif key in _ONE or (key in _ONE_OR_BOOL and not isinstance(given, bool)):
                converted[key] = self._schema(node.child(key), owner, same and _ONE.get(key, False))
            elif key in _ONE_OR_BOOL:
                converted[key] = given
            elif key in _LISTS:
                converted[key] = [self._schema(item, owner, same and _LISTS[key]) for item in node.listed(key)]
            elif key in _MAPPINGS:
                parts = node.mapping(key)
                names = [name for name in parts.value if key != "properties" or not self._is_read_only(parts, name)]
                converted[key] = {
                    name: self._schema(parts.child(name), owner, same and _MAPPINGS[key]) for name in names
                }
        self._forget_read_only(node, converted)

    def _forget_read_only(self, node: Node, converted: dict[str, JSON]) -> None:
        required, given = converted.get("required"), node.value.get("properties")
        if isinstance(required, list) and isinstance(given, dict):
            gone = set(given) - set(converted.get("properties", {}))
            converted["required"] = [name for name in required if name not in gone]

    def _is_read_only(self, parts: Node, name: str) -> bool:
        part = parts.value[name]
        if isinstance(part, dict) and "$ref" in part and part.get("readOnly") is not True:
            part = self._references.resolve(parts.child(name)).value
        return isinstance(part, dict) and part.get("readOnly") is True

    def _definition(self, node: Node, owner: str | None) -> str:
        target = self._references.target(node)
        name = self._names.get(target.path)
        if name is None:
            if len(self._names) >= MAX_DEFINITIONS:
                message = f"the operation's schemas refer to more than {MAX_DEFINITIONS} others"
                raise UnusableError(node.path, message, "choose a smaller operation, or cut the document")
            name = self._names[target.path] = self._free_name(str(target.path[-1]))
            self._waiting.append(target)
        if owner is not None:
            self._same_value.setdefault(owner, set()).add(name)
        return name

    def _free_name(self, wanted: str) -> str:
        taken = set(self._names.values())
        wanted = _UNSAFE.sub("_", wanted)[:60] or "schema"
        return next(name for name in (wanted, *(f"{wanted}_{n}" for n in range(2, 200))) if name not in taken)

    def _refuse_circles(self, node: Node) -> None:
        """A schema that is itself, not a part of itself, would never end being checked."""
        for name in self._same_value:
            seen: set[str] = set()
            waiting = [name]
            while waiting:
                for other in self._same_value.get(waiting.pop(), ()):
                    if other == name:
                        raise UnusableError(node.path, f"the schema {name} refers to itself as a whole", "correct it")
                    if other not in seen:
                        seen.add(other)
                        waiting.append(other)


def _of_30(value: dict[str, Any], schema: dict[str, JSON]) -> dict[str, JSON]:
    """What OpenAPI 3.0 says in its own words: `nullable`, and bounds that are excluded by a boolean."""
    for bound, excluded in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(excluded), bool) and schema.pop(excluded) and bound in schema:
            schema[excluded] = schema.pop(bound)
    if value.get("nullable") is not True or "$ref" in value:
        return schema
    if isinstance(schema.get("type"), str):
        enum = {"enum": [*schema["enum"], None]} if isinstance(schema.get("enum"), list) else {}
        return {**schema, "type": [schema["type"], "null"], **enum}
    return schema
