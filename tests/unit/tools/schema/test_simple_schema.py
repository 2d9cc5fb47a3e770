from __future__ import annotations

import pytest

from journeyman.errors import ToolValidationError
from journeyman.tools.schema.arguments import (
    PlainCheck,
    SchemaCheck,
    check_for_schema,
)
from journeyman.tools.schema.describe import describe
from tests.harness.described_tools import described


def test_a_simple_schema_is_checked_like_the_code_would():
    spec = describe(described).spec
    simple = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "description": "d"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "kind": {"type": "string", "enum": ["a", "b"]},
            "maybe": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
        },
        "required": ["n"],
        "additionalProperties": False,
    }
    checker = check_for_schema("t", simple)
    assert isinstance(checker, PlainCheck)
    assert checker.check({"n": "3", "maybe": None}) == {"n": 3, "maybe": None}
    for bad in ({}, {"n": 1, "tags": [{}]}, {"n": 1, "kind": "c"}, {"n": 1, "x": 1}):
        with pytest.raises(ToolValidationError):
            checker.check(bad)
    assert isinstance(check_for_schema("t", spec.parameters), SchemaCheck)  # d says more than a type


@pytest.mark.parametrize(
    "node",
    [
        {"anyOf": [{"type": "integer"}] * 9},
        {"type": "array", "items": {"type": "array", "items": {"type": "array", "items": {"type": "array"}}}},
    ],
)
def test_a_schema_that_pydantic_would_try_too_many_ways_is_not_simple(node):
    schema = {"type": "object", "properties": {"x": node}, "additionalProperties": False}
    assert isinstance(check_for_schema("t", schema), SchemaCheck)


def test_a_long_list_has_one_problem():
    items = {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}
    schema = {"type": "object", "properties": {"x": items}, "additionalProperties": False}
    with pytest.raises(ToolValidationError) as raised:
        check_for_schema("t", schema).check({"x": ["a"] * 1000})
    assert "999" not in str(raised.value)
    assert "more" not in str(raised.value)
    assert check_for_schema("t", schema).check({"x": ["1", 2]}) == {"x": [1, 2]}
