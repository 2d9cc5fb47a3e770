from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.output import OutputSchema, json_of
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


JSON_TEXT = '{"city": "Bern"}'


@pytest.mark.parametrize(
    "text",
    [
        JSON_TEXT,
        f"\ufeff{JSON_TEXT}\n",
        f"```json\n{JSON_TEXT}\n```",
        f"```\n{JSON_TEXT}\n```",
        f"```JSON\r\n{JSON_TEXT}\r\n```\n",
        f"```json {JSON_TEXT}```",
        f"```json\n{JSON_TEXT}",
        f"Here it is:\n\n```json\n{JSON_TEXT}\n```\nAnything else?",
        f"<think>Is it ```json {{}}```? Or Bern?</think>\n\n{JSON_TEXT}",
        f"Thinking without a start.\n</think>{JSON_TEXT}",
        f"<think>hm</think>```json\n{JSON_TEXT}\n```",
        f"Run `x`:\n```sh\nx --json\n```\nIt says:\n```json\n{JSON_TEXT}\n```",
        f"```json\n{JSON_TEXT}\n```\nI hope that helps!",
        f"```json\r\n{JSON_TEXT}\r\n```\r\nI hope that helps!",
        f"```sh\nx --json\n```\n```json\n{JSON_TEXT}\n```",
        f"```json {JSON_TEXT}``` there",
        f"~~~json\n{JSON_TEXT}\n~~~",
        f"````json\n{JSON_TEXT}\n````",
        f"<seed:think>hm</seed:think>{JSON_TEXT}",
        f"[THINK]hm[/THINK]{JSON_TEXT}",
        f"\u200b{JSON_TEXT}\u00a0",
    ],
)
def test_the_json_of_a_reply_is_found(text: str) -> None:
    assert json_of(text) == JSON_TEXT


@pytest.mark.parametrize(
    "text",
    [
        "Bern",
        "",
        "<think>hm",
        f"It is {JSON_TEXT}",
        f"```json\n{JSON_TEXT}\n```\nor\n```json\n{{}}\n```",
        "```json\n{\n```",
        f"<think>```json\n{JSON_TEXT}\n```</think> I cannot say",
        "[" * 100_000,
        "```" * 1000,
    ],
)
def test_a_reply_without_json_of_its_own_stays_as_it_is(text: str) -> None:
    assert json_of(text) == text


def test_json_that_quotes_fences_and_thinking_stays_whole() -> None:
    quoted = '{"text": "```json {} ``` </think> x"}'
    assert json_of(quoted) == quoted
    assert json_of('```json\n{"text": "```sh x```"}\n```') == '{"text": "```sh x```"}'
    assert json_of('```json\n{"text": "```sh x```"}\n```\nThat is it.') == '{"text": "```sh x```"}'
    assert json_of('<think>hm</think>\n{"text": "</think>"}') == '{"text": "</think>"}'


@pytest.mark.parametrize("text", ['{"city": "Bern", "city": "Rom"}', '{"city": "Bern", "x": [{"a": 1, "a": 1}]}'])
def test_a_key_given_twice_is_refused_where_the_definition_says_so(text: str) -> None:
    assert OutputSchema(SCHEMA).check(text) is None, "definitions of 0.1 took the last one"
    assert "given twice" in (OutputSchema(SCHEMA, unique_keys=True).check(text) or "")
    assert OutputSchema(SCHEMA, unique_keys=True).check('{"city": "Bern", "x": [{"a": 1}, {"a": 1}]}') is None
