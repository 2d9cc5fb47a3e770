from __future__ import annotations

import msgspec
import pytest

from journeyman.events.messages import Owner, user
from journeyman.llm.client import ModelRequest
from journeyman.llm.gateway.complaint import Complaint, complaint_in
from journeyman.llm.gateway.output_items import OUTPUT, reply_message
from journeyman.llm.gateway.refused_by_responses import asks_for_responses, lasting, without_refused_items
from journeyman.llm.gateway.wire_choices import USUAL, WireChoices

OWNER = Owner("m", "", "responses")
REASONING = {"type": "reasoning", "id": "rs_0a18166210d7", "summary": [], "encrypted_content": "sealed"}
SAID = {"type": "message", "role": "assistant", "phase": "final_answer", "content": "hi"}
REPLY = msgspec.structs.replace(reply_message([REASONING, SAID], (), ended_well=True), owner=OWNER)
REQUEST = ModelRequest(
    model="m",
    messages=(user("a"), REPLY, user("b")),
    temperature=0.2,
    response_schema={},
    extra={"store": True, "service_tier": "flex"},
)


def complaint(message: str, param: str | None = None, code: str | None = None) -> Complaint:
    return complaint_in({"error": {"message": message, "param": param, "code": code}})


@pytest.mark.parametrize(
    "text",
    [
        "Please use /v1/responses instead.",
        "This model is only supported in v1/responses and not in v1/chat/completions.",
        "The chatCompletion operation does not work with the specified model, gpt-5-codex.",
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
        "Use the Responses API for this model.",
    ],
)
def test_complaints_that_ask_for_the_api(text: str) -> None:
    assert asks_for_responses(complaint(text))


@pytest.mark.parametrize("text", ["Unsupported parameter: 'temperature'", "too many responses", "model not found"])
def test_complaints_that_do_not(text: str) -> None:
    assert not asks_for_responses(complaint(text))


@pytest.mark.parametrize(
    ("said", "dropped"),
    [
        (complaint("Unsupported parameter.", "temperature"), "temperature"),
        (complaint("Invalid schema for response_format 'answer'.", "text.format.schema"), "response_format"),
        (complaint("Encrypted content is not supported with this model.", "include"), "include"),
        (complaint("Encrypted content is not supported with this model."), "include"),
        (complaint("Unknown parameter: 'include'."), "include"),
        (complaint("temperature is not supported"), "temperature"),
    ],
)
def test_a_named_parameter_is_left_out(said: Complaint, dropped: str) -> None:
    choices = without_refused_items(said, REQUEST, OWNER, USUAL)
    assert choices == WireChoices(dropped=frozenset({dropped}))
    assert lasting(choices) is choices
    again = without_refused_items(said, REQUEST, OWNER, choices)
    assert again is None or again.dropped == {dropped}, "it is left out once"


def test_what_extra_sets_is_never_left_out() -> None:
    assert without_refused_items(complaint("Unknown parameter: 'store'.", "store"), REQUEST, OWNER, USUAL) is None


@pytest.mark.parametrize(
    "said",
    [
        complaint("Item with id 'rs_0a18166210d7' not found.", "input"),
        complaint("Item 'rs_0a18166210d7' of type 'reasoning' was provided without its required following item."),
        complaint("The encrypted content gAAA...DQ== could not be verified.", code="invalid_encrypted_content"),
        complaint("reasoning `encrypted_content` was not issued to this caller"),
        complaint("Cannot determine type of 'it'"),
    ],
)
def test_all_items_are_left_out_once_if_one_may_be_refused_for_what_it_is(said: Complaint) -> None:
    choices = without_refused_items(said, REQUEST, OWNER, USUAL)
    assert choices == WireChoices(without_opaque=frozenset({OUTPUT}))
    assert lasting(choices) == USUAL, "the next thread has other items"
    assert without_refused_items(said, REQUEST, OWNER, choices) is None


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (complaint("Unknown parameter: 'input[1].phase'.", "input[1].phase"), "phase"),
        (complaint("unknown field summary in an item"), "summary"),
    ],
)
def test_a_named_field_of_an_item_is_left_out(said: Complaint, field: str) -> None:
    assert without_refused_items(said, REQUEST, OWNER, USUAL) == WireChoices(without_opaque=frozenset({field}))


@pytest.mark.parametrize(
    "said",
    [
        complaint("Unsupported value: 'minimal' is not supported.", "reasoning.effort"),
        complaint("Missing required parameter: 'input[1].phase'.", "input[1].phase"),
        complaint("extra field `service_tier`"),
    ],
)
def test_other_complaints_change_nothing(said: Complaint) -> None:
    assert without_refused_items(said, REQUEST, OWNER, USUAL) is None


def test_items_of_another_owner_are_not_named() -> None:
    said = complaint("Unknown parameter: 'input[1].phase'.", "input[1].phase")
    assert without_refused_items(said, REQUEST, Owner("n", "", "responses"), USUAL) is None
