"""Which error the error bodies of real servers become, as HTTP errors and within a reply."""

from __future__ import annotations

import json

import pytest

from journeyman.llm.gateway.complaint import complaint_in, complaint_of
from journeyman.llm.gateway.errors import TRANSIENT, gateway_error, reported_error
from journeyman.llm.gateway.failure_cause import cause_of
from tests.wires.player import SHAPES, Shape

REFUSALS = [shape for shape in json.loads((SHAPES / "errors.json").read_text()) if "refuses" in shape]
BY_STATUS = [shape for shape in REFUSALS if shape["refuses"][0]["status"] != 200]


def body_of(shape: Shape) -> bytes:
    refusal = shape["refuses"][0]
    return refusal["text"].encode() if "text" in refusal else json.dumps(refusal["json"]).encode()


@pytest.mark.parametrize("shape", BY_STATUS, ids=lambda shape: shape["name"])
def test_unlike_causes_have_unlike_codes(shape: Shape) -> None:
    status = shape["refuses"][0]["status"]
    error = gateway_error(status, complaint_of(body_of(shape)))
    assert ([error.code], error.status) == (shape["expect"]["error_codes"], status)


@pytest.mark.parametrize("shape", BY_STATUS, ids=lambda shape: shape["name"])
def test_the_servers_words_are_not_in_the_sentence(shape: Shape) -> None:
    error = gateway_error(shape["refuses"][0]["status"], complaint_of(body_of(shape)))
    words = [word for word in (error.detail or "").split() if len(word) > 12]
    assert not any(word in error.message for word in words)
    if error.code != "gateway_auth":
        assert "LITELLM_GATEWAY_API_KEY" not in error.message


def test_an_error_within_a_reply_has_the_same_cause() -> None:
    bodies = [shape["refuses"][0].get("json") for shape in REFUSALS if "context" in shape["name"]]
    errors = [body.get("error", body) for body in bodies if isinstance(body, dict)]
    assert len(errors) > 5
    assert {reported_error(error).code for error in errors} == {"gateway_context_length"}


def test_only_what_a_repetition_may_fix_is_tried_again() -> None:
    assert "gateway_bad_reply" in TRANSIENT
    assert TRANSIENT.isdisjoint(
        {"gateway_context_length", "gateway_filtered", "gateway_no_credit", "gateway_bad_parameter"}
    )


def test_what_the_request_said_is_no_part_of_the_complaint() -> None:
    detail = [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "no", "input": "was flagged, too many tokens"}]
    assert gateway_error(422, complaint_of(json.dumps({"detail": detail}).encode())).code == "gateway_rejected"


def test_no_body_at_all_is_a_rejection() -> None:
    assert gateway_error(400, complaint_of(b"")).code == "gateway_rejected"


def test_an_id_that_is_too_long_is_no_long_request() -> None:
    said = {"code": "string_above_max_length", "param": "input[2].call_id", "message": "string too long"}
    assert cause_of(400, complaint_in(said)) == "other"
    assert cause_of(400, complaint_in({**said, "param": "messages[1].content"})) == "context_length"
