from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import Any

import pytest
from pydantic import BaseModel, Field

from journeyman.errors import ToolValidationError
from journeyman.tools.schema.arguments import (
    ConvertedCheck,
    SchemaCheck,
    decode_arguments,
)
from journeyman.tools.schema.describe import describe
from journeyman.tools.tool import tool
from tests.harness.described_tools import check, described


class Colour(enum.Enum):
    RED = "red"


class Address(BaseModel):
    street: str
    number: int = Field(ge=1)


@dataclasses.dataclass
class Point:
    x: float


def test_check_converts_and_refuses_readably():
    assert check(described, {"a": "5", "b": "y"}) == {"a": 5, "b": "y"}
    with pytest.raises(ToolValidationError) as caught:
        check(described, {"b": "z", "d": -1, "zz": 1})
    assert caught.value.code == "invalid_arguments"
    text = str(caught.value)
    for part in (
        "a: is required",
        "b: Input should be 'x' or 'y'",
        "d: Input should be greater than 0",
        "zz: there is no",
    ):
        assert part in text


def test_many_problems_are_capped():
    with pytest.raises(ToolValidationError) as caught:
        check(described, {f"k{n}": n for n in range(100)})
    assert "and 93 more" in str(caught.value)


@tool
async def typed(at: datetime.datetime, colour: Colour, home: Address, point: Point | None = None) -> str:
    """Types beyond JSON."""
    return "ok"


def test_pydantic_types_are_converted_for_the_tool_and_stay_json_in_the_record():
    given = {"at": "2026-01-02T03:04:05Z", "colour": "red", "home": {"street": "s", "number": 1}}
    converted = check(typed, given)
    assert converted["colour"] is Colour.RED
    assert isinstance(converted["home"], Address)
    assert not describe(typed).signature.plain
    assert "$defs" in describe(typed).spec.parameters
    with pytest.raises(ToolValidationError, match=r"home\.number: "):
        check(typed, {**given, "home": {"street": "s", "number": 0}})


@pytest.mark.parametrize(
    "raw",
    [
        "nonsense",
        "[1]",
        "3",
        '{"a":',
        '{"a":NaN}',
        '{"a":1e999}',
        '{"a":"\\ud800"}',
        '{"a":' * 5000,
        "\ud800",
        b"\xff{}",
    ],
)
def test_arguments_that_are_no_json_object(raw):
    with pytest.raises(ToolValidationError) as caught:
        decode_arguments(raw)
    assert caught.value.code == "invalid_arguments"


def test_arguments_from_text_and_dict():
    assert decode_arguments(' {"a": 1} ') == {"a": 1}
    assert decode_arguments("") == {}
    assert decode_arguments(" null ") == {}
    given = {"a": 1}
    assert decode_arguments(given) is given


def test_schema_check_names_field_and_problem_and_hides_values():
    checker = SchemaCheck({"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}})
    assert checker.check({"a": "abc"}) == {"a": "abc"}
    with pytest.raises(ToolValidationError, match="a: the value is longer than 3") as caught:
        checker.check({"a": "hunter2hunter2"})
    assert "hunter2" not in str(caught.value)


def test_schema_check_never_fetches():
    with pytest.raises(ToolValidationError, match="must not refer to http"):
        SchemaCheck({"$ref": "http://127.0.0.1:9/x"}).compile()


def test_a_validator_that_raises_anything_is_a_refusal():
    arguments = describe(typed).arguments
    assert arguments is not None
    deep: Any = "x"
    for _ in range(10_000):
        deep = {"street": deep}
    with pytest.raises(ToolValidationError):
        ConvertedCheck(arguments).check({"home": deep})


def test_the_schema_of_ones_own_code_may_be_costly():
    steps = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(13)}
    schema = {"properties": {"x": {"$ref": "#/$defs/a0"}}, "$defs": {**steps, "a13": {"type": "string"}}}
    schema["properties"]["y"] = {"items": {"type": "integer"}}
    own = SchemaCheck(schema, own=True).compile()
    assert own.check({"x": "yes"}) == {"x": "yes"}
    long = {"x": "yes", "y": list(range(60_000))}
    assert own.check(long) == long
    with pytest.raises(ToolValidationError, match="x: does not fit its schema"):
        own.check({"x": 1})
    with pytest.raises(ToolValidationError, match="too costly to check: it has more than 10000 subschemas"):
        SchemaCheck(schema).refuse_if_costly()
    with pytest.raises(ToolValidationError, match="too large to be checked"):
        SchemaCheck(schema).check(long)
