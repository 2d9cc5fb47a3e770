from __future__ import annotations

from typing import Literal

import pytest

from journeyman.errors import ToolValidationError
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.schema.describe import describe
from journeyman.tools.schema.overrides import mismatches, overridden_schema
from journeyman.tools.tool import tool


@tool(effects="once")
async def refund(order_id: str, amount: float, note: str | None = None, kind: Literal["a", "b"] = "a") -> str:
    """Refund."""
    return "ok"


@tool
def plain() -> str:
    """In a process."""
    return ""


SPEC = describe(refund).spec


def paths(override, spec=SPEC) -> list[tuple[str, ...]]:
    return [found.path for found in mismatches(spec, override)]


def test_a_narrowed_schema_leaves_the_codes_own_alone():
    override = {
        "arguments": {"order_id": {"type": "string"}, "amount": {"type": "number", "maximum": 100}},
        "required": ["order_id", "amount"],
    }
    assert mismatches(SPEC, override) == []
    assert overridden_schema(SPEC, override).parameters["properties"]["amount"] == {"type": "number", "maximum": 100}
    assert SPEC.parameters["properties"]["amount"] == {"type": "number"}
    assert overridden_schema(SPEC, {}) is SPEC


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ({"arguments": {"colour": {"type": "string"}}}, ("arguments", "colour")),
        ({"arguments": {"amount": {"type": "string"}}}, ("arguments", "amount", "type")),
        ({"arguments": {"amount": {"type": "float"}}}, ("arguments", "amount", "type")),
        ({"arguments": {"note": {"type": ["string", "array"]}}}, ("arguments", "note", "type")),
        ({"arguments": {"amount": 3}}, ("arguments", "amount")),
        ({"arguments": [1]}, ("arguments",)),
        ({"arguments": {"amount": {"maximum": "a lot"}}}, ("arguments", "amount")),
        ({"arguments": {"note": {"pattern": "("}}}, ("arguments", "note")),
        ({"arguments": {"note": {"$ref": "http://x.example/"}}}, ("arguments", "note", "$ref")),
        ({"required": ["order_id"]}, ("required",)),
        ({"required": ["order_id", "amount", "colour"]}, ("required",)),
        ({"required": "order_id"}, ("required",)),
    ],
)
def test_what_contradicts_the_code_is_a_problem_in_its_place(override, path):
    assert paths(override) == [path]


def test_allowed_narrowings():
    assert paths({"required": ["order_id", "amount", "note"]}) == []
    assert paths({"arguments": {"amount": {"type": "integer"}, "note": {"type": "string"}}}) == []
    assert paths({"arguments": {"kind": {"enum": ["a"]}}}) == []


def test_problems_name_tool_argument_and_remedy():
    (found,) = mismatches(SPEC, {"arguments": {"colour": {"type": "string"}}})
    assert "tool 'refund': has no argument 'colour'" in str(found.problem)
    assert "order_id, amount, note, kind" in str(found.problem.remedy)


async def test_both_checks_hold():
    tool = await ToolRegistry().register_tool(refund)
    spec = overridden_schema(
        SPEC, {"arguments": {"amount": {"maximum": 100}}, "required": ["order_id", "amount", "note"]}
    )
    mine = tool.narrowed(spec)
    assert mine.check_arguments('{"order_id": "A", "amount": "7", "note": "n"}')["amount"] == 7
    for raw, message in (
        ('{"order_id": "A", "amount": 700, "note": "n"}', "amount: "),
        ('{"order_id": "A", "amount": 7}', "note"),
        ('{"order_id": "A", "amount": 7, "note": "n", "x": 1}', "x: there is no such argument"),
    ):
        with pytest.raises(ToolValidationError, match=message) as caught:
            mine.check_arguments(raw)
        assert caught.value.code == "invalid_arguments"
    assert tool.narrowed(SPEC).check is tool.check
