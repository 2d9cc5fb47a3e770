"""A tool's arguments, compiled: their schema, and the check of a call."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
from pydantic import Field

from journeyman.errors import ToolValidationError
from journeyman.tools.schema.compiled import Arguments, invalid_arguments
from journeyman.tools.schema.signature import REQUIRED, Argument


def arguments(**hints: Any) -> Arguments:
    return Arguments("look", tuple(Argument(name=name, hint=hint, default=REQUIRED) for name, hint in hints.items()))


def test_the_schema_has_no_titles_but_keeps_an_argument_of_that_name() -> None:
    schema = arguments(title=str, at=int).schema
    assert schema["properties"] == {"title": {"type": "string"}, "at": {"type": "integer"}}
    assert (schema["required"], schema["additionalProperties"]) == (["title", "at"], False)


def test_values_are_converted_and_faults_named() -> None:
    compiled = arguments(at=int, few=Annotated[list[str], Field(max_length=1)])
    assert compiled.check({"at": "7", "few": []}) == {"at": 7, "few": []}
    with pytest.raises(ToolValidationError) as caught:
        compiled.check({"few": ["a", "b"], "more": 1})
    for fault in ("at: is required", "more: there is no such argument", "few: "):
        assert fault in caught.value.message


def test_a_default_is_shown_and_not_filled_in() -> None:
    compiled = Arguments("look", (Argument(name="at", hint=int, default=3),))
    assert compiled.schema["properties"]["at"]["default"] == 3
    assert compiled.check({}) == {}


@pytest.mark.parametrize("hint", [bytes, re.Match, "Nowhere"])
def test_a_type_that_json_cannot_carry_is_named_with_its_argument(hint: Any) -> None:
    with pytest.raises(ToolValidationError, match="'bad'"):
        arguments(good=int, bad=hint)


def test_of_many_faults_the_rest_are_counted() -> None:
    error = invalid_arguments([f"a{n}: x" for n in range(10)])
    assert error.message.endswith("a7: x; and 2 more")
    assert error.fields == tuple((f"a{n}", "x") for n in range(8))
