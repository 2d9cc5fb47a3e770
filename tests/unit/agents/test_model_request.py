"""The request of a model call, made from model settings."""

from __future__ import annotations

import pytest

from journeyman.agents.model_request import model_request
from journeyman.agents.spec import ModelSettings, Output
from journeyman.events.messages import user

SETTINGS = ModelSettings(name="big", temperature=0.5, fallbacks=("small",), extra={"user": "u"}, timeout_seconds=9.0)


def test_settings_are_passed_on_and_the_prompt_comes_first() -> None:
    request = model_request(
        SETTINGS, "script:/a/turns.yaml", "Be brief.", [user("hi")], output=Output(schema={"type": "object"})
    )
    assert [(message.role, message.text) for message in request.messages] == [("system", "Be brief."), ("user", "hi")]
    assert (request.model, request.temperature, request.fallbacks) == ("script:/a/turns.yaml", 0.5, ("small",))
    assert (request.extra, request.timeout_seconds, request.response_schema) == ({"user": "u"}, 9.0, {"type": "object"})


def test_an_empty_prompt_is_no_message() -> None:
    assert [message.role for message in model_request(SETTINGS, "big", "", [user("hi")]).messages] == ["user"]


@pytest.mark.parametrize(
    ("output", "may_ask_again", "mode", "in_prompt"),
    [
        (Output(schema={"x": 1}), True, "schema", False),
        (Output(schema={"x": 1}), False, "schema", False),
        (Output(schema={"x": 1}, mode="auto"), True, "schema", False),
        (Output(schema={"x": 1}, mode="auto", retries=0), True, "schema", True),
        (Output(schema={"x": 1}, mode="auto"), False, "schema", True),
        (Output(schema={"x": 1}, mode="schema", retries=0), False, "schema", False),
        (Output(schema={"x": 1}, mode="json"), True, "json", True),
        (Output(schema={"x": 1}, mode="prompt"), True, "prompt", True),
    ],
)
def test_where_the_schema_of_a_typed_answer_is(output: Output, may_ask_again: bool, mode: str, in_prompt: bool) -> None:
    request = model_request(SETTINGS, "big", "Be brief.", [user("hi")], output=output, may_ask_again=may_ask_again)
    assert (request.response_mode, request.response_schema) == (mode, {"x": 1})
    assert ('{"x":1}' in request.messages[0].text) is in_prompt
