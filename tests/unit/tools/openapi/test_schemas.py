from __future__ import annotations

import jsonschema_rs
import pytest

from journeyman.tools.openapi.schemas import MAX_PARTS
from tests.harness.openapi_documents import Json, document, messages, read


def test_the_words_of_3_0_are_translated() -> None:
    schema = {
        "type": "object",
        "required": ["id", "size"],
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "size": {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "nullable": True, "example": 3},
            "kind": {"type": "string", "enum": ["a"], "nullable": True, "exclusiveMaximum": False},
        },
    }
    data = document({"requestBody": {"content": {"application/json": {"schema": schema}}}}, "/t", "post", "3.0.3")
    assert read(data).schema["properties"]["body"] == {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": ["integer", "null"], "exclusiveMinimum": 0},
            "kind": {"type": ["string", "null"], "enum": ["a", None]},
        },
    }


def of_body(schema: Json) -> Json:
    return document({"requestBody": {"content": {"application/json": {"schema": schema}}}}, "/t", "post")


def test_a_schema_has_a_bound() -> None:
    shared: Json = {"type": "string"}
    for _ in range(30):  # what aliases make of a small document
        shared = {"anyOf": [shared, shared]}
    assert f"more than {MAX_PARTS} parts" in messages(of_body(shared))[0]


@pytest.mark.parametrize("bound", [2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, 1e30])
def test_bounds_at_and_beyond_64_bits_validate(bound: float) -> None:
    schema = read(of_body({"type": "integer", "minimum": -bound, "maximum": bound})).schema
    check = jsonschema_rs.validator_for(schema)
    assert check.is_valid({"body": bound})
    assert check.is_valid({"body": -bound})
    assert check.is_valid({"body": 2**62})
    assert not check.is_valid({"body": int(bound) * 2})
    assert not check.is_valid({"body": -int(bound) * 2})


def test_a_bound_that_is_no_number_is_left_to_the_check_of_the_schema() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        read(of_body({"type": "integer", "maximum": "1e999"}))
