"""Makes a small value that fits a JSON Schema, from the schema alone."""

from __future__ import annotations

from typing import Any

from journeyman.events.messages import JSON

Schema = dict[str, Any]
MAX_DEPTH = 16
_FORMATS = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "nobody@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def smallest_value(schema: Schema, definitions: Schema | None = None, depth: int = MAX_DEPTH) -> JSON:
    """Return a small value that the schema allows: its default, its first choice, or the smallest of its type.

    Patterns are not respected.
    """
    definitions = definitions if definitions is not None else schema.get("$defs") or schema.get("definitions") or {}
    schema = resolved_schema(schema, definitions)
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        if schema.get(key):
            return schema[key][0]
    match kind_of(schema):
        case "object":
            properties = schema.get("properties") or {}
            required = schema.get("required") or ()
            return {
                name: smallest_value(properties.get(name) or {}, definitions, depth - 1)
                for name in required
                if depth > 0
            }
        case "array":
            items = schema.get("items")
            count = int(schema.get("minItems") or 0) if depth > 0 else 0
            item = items if isinstance(items, dict) else {}
            return [smallest_value(item, definitions, depth - 1) for _ in range(min(count, 64))]
        case "integer" | "number" as kind:
            return _smallest_number(schema, kind)
        case "boolean":
            return False
        case "string":
            return _smallest_string(schema)
    return None


def _smallest_number(schema: Schema, kind: str) -> int | float:
    """Return zero if the schema allows it, else the allowed number nearest to it."""
    step = schema.get("multipleOf") or 1
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    value: int | float = 0
    if low is not None and (low > 0 or (low == 0 and "minimum" not in schema)):
        value = -(-low // step) * step
        if "minimum" not in schema and value <= low:
            value += step
        if high is not None and (
            value > high or (value == high and "maximum" not in schema)
        ):  # no whole step in between
            value = low if "minimum" in schema else (low + high) / 2
    elif high is not None and (high < 0 or (high == 0 and "maximum" not in schema)):
        value = high // step * step
        if "maximum" not in schema and value >= high:
            value -= step
    return int(value) if kind == "integer" or float(value).is_integer() else float(value)


def _smallest_string(schema: Schema) -> str:
    text = _FORMATS.get(schema.get("format", ""), "")
    return text.ljust(min(int(schema.get("minLength") or 0), 4096), "-")


def resolved_schema(schema: Any, definitions: Schema) -> Schema:
    """Return the schema with its reference resolved, its first alternative chosen and its `allOf` parts merged."""
    for _ in range(MAX_DEPTH):
        if not isinstance(schema, dict):
            return {}
        if isinstance(reference := schema.get("$ref"), str):
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**(definitions.get(reference.rpartition("/")[2]) or {}), **rest}
        elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
            rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
            chosen = next((one for one in alternatives if isinstance(one, dict) and one.get("type") != "null"), {})
            schema = {**chosen, **rest}
        elif parts := schema.get("allOf"):
            schema = _merged([{key: value for key, value in schema.items() if key != "allOf"}, *parts], definitions)
        else:
            return schema
    return schema if isinstance(schema, dict) else {}


def _merged(parts: list[Any], definitions: Schema) -> Schema:
    whole: Schema = {}
    for part in (resolved_schema(part, definitions) for part in parts):
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        required = [*whole.get("required", ()), *part.get("required", ())]
        whole = {**whole, **part, **({"properties": properties} if properties else {})}
        whole = {**whole, **({"required": required} if required else {})}
    return whole


def kind_of(schema: Schema) -> str:
    """Return the first type of a schema that is not null; without a `type` it is guessed from other keywords."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)
