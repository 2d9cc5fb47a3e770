from __future__ import annotations

import jsonschema_rs
import pytest

from journeyman.llm.offline.schema_sample import smallest_value

REFERENCES = {"$defs": {"Color": {"enum": ["red", "blue"]}}, "$ref": "#/$defs/Color"}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"type": "string", "minLength": 5},
        {"type": "string", "format": "email"},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "uuid"},
        {"type": "integer"},
        {"type": "integer", "minimum": 3, "multipleOf": 2},
        {"type": "integer", "exclusiveMinimum": 0},
        {"type": "integer", "maximum": -3},
        {"type": "integer", "exclusiveMaximum": 0},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "number", "minimum": 0.5, "maximum": 0.7},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["null", "integer"]},
        {"type": "array"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 2},
        {"enum": ["a", "b"]},
        {"const": {"a": 1}},
        {"type": "string", "default": "x"},
        {"type": "string", "examples": ["y"]},
        {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 1}]},
        {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}]},
        REFERENCES,
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/Color"}}, "required": ["a"]}
        | {"$defs": REFERENCES["$defs"]},
        {"type": "object", "properties": {"n": {"type": "integer"}, "m": {}}, "required": ["n"]},
    ],
)
def test_the_sample_is_valid(schema):
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(smallest_value(schema))


def test_a_schema_that_contains_itself_ends():
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]}
    assert isinstance(smallest_value({"$ref": "#/$defs/Node", "$defs": {"Node": node}}), dict)
    assert smallest_value({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}) == ""
