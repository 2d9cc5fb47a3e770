from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.output import OutputSchema
from journeyman.errors import ValidationError

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["city"],
    "properties": {"city": {"type": "string"}, "degrees": {"type": "number", "maximum": 60}},
}


def test_a_fitting_reply_has_no_problem() -> None:
    assert OutputSchema(SCHEMA).check('{"city": "Bern", "degrees": 21}') is None


def test_every_problem_is_listed_with_its_place() -> None:
    problems = OutputSchema(SCHEMA).check('{"city": 5, "degrees": 99}')
    assert problems is not None
    assert sorted(line.split(":")[0] for line in problems.splitlines()) == ["/city", "/degrees"]


@pytest.mark.parametrize("text", ["", "Bern", '{"city": NaN}', "[" * 100_000, '{"city": "Bern"} and more'])
def test_a_reply_that_is_not_json_says_so(text: str) -> None:
    assert "not JSON" in (OutputSchema(SCHEMA).check(text) or "")


@pytest.mark.parametrize(
    "schema",
    [{"type": "nope"}, {"$ref": "http://127.0.0.1:9/x"}, {"$ref": "#/nope"}, {"pattern": "(a"}, {"$schema": "x:y"}],
)
def test_what_is_no_schema_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="not a JSON Schema"):
        OutputSchema(schema)


def test_the_number_of_listed_problems_is_bounded() -> None:
    schema: dict[str, Any] = {"items": {"type": "string"}}
    assert len((OutputSchema(schema).check(f"[{','.join(['1'] * 100)}]") or "").splitlines()) == 10
