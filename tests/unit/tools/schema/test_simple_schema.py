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
