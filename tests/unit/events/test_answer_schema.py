"""The words that tell a model the schema of a typed answer."""

from __future__ import annotations

from journeyman.events.answer_schema import schema_instruction, with_instruction
from journeyman.events.messages import system, user


def test_the_schema_is_in_the_sentence_as_json() -> None:
    sentence = schema_instruction({"type": "object", "required": ["größe"]})
    assert sentence.endswith('\n{"type":"object","required":["größe"]}')
    assert "JSON alone" in sentence


def test_it_goes_to_the_end_of_the_system_prompt() -> None:
    told = with_instruction((system("Be brief."), user("hi")), "In JSON.")
    assert told == (system("Be brief.\n\nIn JSON."), user("hi"))


def test_without_a_system_prompt_it_is_one() -> None:
    assert with_instruction((user("hi"),), "In JSON.") == (system("In JSON."), user("hi"))
    assert with_instruction((), "In JSON.") == (system("In JSON."),)
