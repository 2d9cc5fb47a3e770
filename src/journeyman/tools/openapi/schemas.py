"""Converts the schemas of an operation to JSON Schema 2020-12. References become `$defs`, also recursive ones."""

from __future__ import annotations

import re
from typing import Any

from journeyman.events.messages import JSON
from journeyman.tools.openapi.references import DocumentPath, Node, References, UnusableError

MAX_DEFINITIONS = 100
MAX_PARTS = 20_000  # schemas within one another: more never fit into the schema of a tool
DESCRIPTION_CAP = 300  # characters

# Keyword -> whether its subschemas apply to the same value: a cycle of such schemas could never be checked.
_SCHEMAS = {
    **{"not": True, "if": True, "then": True, "else": True},
    **{"items": False, "contains": False, "propertyNames": False},
}
_SCHEMAS_OR_BOOLEANS = {"additionalProperties": False}
_LISTS = {"allOf": True, "anyOf": True, "oneOf": True, "prefixItems": False}
_MAPPINGS = {"properties": False, "patternProperties": False, "dependentSchemas": True}
_ASSERTIONS = """
    type enum const default required format pattern title minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
    minLength maxLength minItems maxItems uniqueItems minContains maxContains minProperties maxProperties
    dependentRequired
"""
_PLAIN = frozenset(_ASSERTIONS.split())  # copied as they are
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def short_text(value: JSON, cap: int) -> str:
    """Return a text of the document for the model: on one line, cut to `cap` characters; empty if it is no text."""
    text = _CONTROL.sub(" ", value).strip() if isinstance(value, str) else ""
    return text if len(text) <= cap else text[: cap - 1] + "…"


class Schemas:
    """Converts the schemas of one operation, and collects the ones that they refer to in `definitions`.

    `dialect` is the version of OpenAPI: (3, 0) or (3, 1).
    """

    def __init__(self, references: References, dialect: tuple[int, int]) -> None:
        self._references = references
        self._is_30 = dialect == (3, 0)
        self._names: dict[DocumentPath, str] = {}
        self._waiting: list[Node] = []
        self._same_value: dict[str, set[str]] = {}  # definition -> definitions that apply to the same value
        self._parts = 0
        self.definitions: dict[str, JSON] = {}

    def convert(self, node: Node) -> JSON:
        """Return the schema at `node`, converted. Raises UnusableError."""
        converted = self._schema(node, None)
        while self._waiting:
            target = self._waiting.pop()
            name = self._names[target.path]
            self.definitions[name] = self._schema(target, name)
        self._refuse_cycles(node)
        return converted

    def _schema(self, node: Node, owner: str | None, same: bool = True) -> JSON:
        """Convert a schema. `same`: it applies to the same value as the definition `owner`."""
        value = node.value
        self._parts += 1
        if self._parts > MAX_PARTS:
            message = f"the operation's schemas have more than {MAX_PARTS} parts"
            raise UnusableError(node.path, message, "choose a smaller operation, or cut the document")
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict):
            raise UnusableError(node.path, "a schema must be a mapping", "correct the document")
        if "$dynamicRef" in value or "$recursiveRef" in value:
            raise UnusableError(node.path, "dynamic references in schemas are not supported", "use $ref")
        converted: dict[str, JSON] = {}
        if "$ref" in value:
            converted["$ref"] = f"#/$defs/{self._definition(node, owner if same else None)}"
        if "$ref" not in value or not self._is_30:  # in 3.0 a $ref overrides all other keywords
            self._keywords(node, owner, same, converted)
        if description := short_text(value.get("description"), DESCRIPTION_CAP):
            converted["description"] = description
        return _without_30_keywords(value, converted) if self._is_30 else converted

    def _keywords(self, node: Node, owner: str | None, same: bool, converted: dict[str, JSON]) -> None:
        """Add the keywords of a schema to `converted`; unknown ones are left out."""
        for key, given in node.value.items():
            if key in _PLAIN:
                converted[key] = given
            elif key in _SCHEMAS or (key in _SCHEMAS_OR_BOOLEANS and not isinstance(given, bool)):
                converted[key] = self._schema(node.child(key), owner, same and _SCHEMAS.get(key, False))
            elif key in _SCHEMAS_OR_BOOLEANS:
                converted[key] = given
            elif key in _LISTS:
                converted[key] = [self._schema(item, owner, same and _LISTS[key]) for item in node.listed(key)]
            elif key in _MAPPINGS:
                parts = node.mapping(key)
                names = [name for name in parts.value if key != "properties" or not self._is_read_only(parts, name)]
                converted[key] = {
                    name: self._schema(parts.child(name), owner, same and _MAPPINGS[key]) for name in names
                }
        self._drop_read_only_from_required(node, converted)

    def _drop_read_only_from_required(self, node: Node, converted: dict[str, JSON]) -> None:
        required, given = converted.get("required"), node.value.get("properties")
        if isinstance(required, list) and isinstance(given, dict):
            read_only = set(given) - set(converted.get("properties", {}))
            converted["required"] = [name for name in required if name not in read_only]

    def _is_read_only(self, parts: Node, name: str) -> bool:
        part = parts.value[name]
        if isinstance(part, dict) and "$ref" in part and part.get("readOnly") is not True:
            part = self._references.resolve(parts.child(name)).value
        return isinstance(part, dict) and part.get("readOnly") is True

    def _definition(self, node: Node, owner: str | None) -> str:
        """Return the name of the definition that a `$ref` becomes. `owner`: the definition of the same value."""
        target = self._references.target(node)
        name = self._names.get(target.path)
        if name is None:
            if len(self._names) >= MAX_DEFINITIONS:
                message = f"the operation's schemas refer to more than {MAX_DEFINITIONS} others"
                raise UnusableError(node.path, message, "choose a smaller operation, or cut the document")
            name = self._names[target.path] = self._unique_name(str(target.path[-1]))
            self._waiting.append(target)
        if owner is not None:
            self._same_value.setdefault(owner, set()).add(name)
        return name

    def _unique_name(self, wanted: str) -> str:
        taken = set(self._names.values())
        wanted = _UNSAFE.sub("_", wanted)[:60] or "schema"
        return next(name for name in (wanted, *(f"{wanted}_{n}" for n in range(2, 200))) if name not in taken)

    def _refuse_cycles(self, node: Node) -> None:
        """Check that no schema refers to itself for the same value, which never ends. Raises UnusableError."""
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


def _without_30_keywords(value: dict[str, Any], schema: dict[str, JSON]) -> dict[str, JSON]:
    """Replace what only OpenAPI 3.0 has: `nullable`, and booleans for `exclusiveMinimum` and `exclusiveMaximum`."""
    for bound, excluded in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(excluded), bool) and schema.pop(excluded) and bound in schema:
            schema[excluded] = schema.pop(bound)
    if value.get("nullable") is not True or "$ref" in value:
        return schema
    if isinstance(schema.get("type"), str):
        enum = {"enum": [*schema["enum"], None]} if isinstance(schema.get("enum"), list) else {}
        return {**schema, "type": [schema["type"], "null"], **enum}
    return schema
