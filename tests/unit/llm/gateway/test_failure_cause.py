"""Which error each server's error body becomes, as an HTTP error and within a reply."""

from __future__ import annotations

import json

import pytest

from journeyman.errors import ServiceError
from journeyman.llm.gateway.complaint import complaint_of
from journeyman.llm.gateway.errors import TRANSIENT, gateway_error, reported_error
from tests.unit.llm.gateway.error_shapes import SHAPES, ErrorShape


def body_of(shape: ErrorShape) -> bytes:
    return shape.body.encode() if isinstance(shape.body, str) else json.dumps(shape.body).encode()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_unlike_causes_have_unlike_codes(shape: ErrorShape) -> None:
    error = gateway_error(shape.status, complaint_of(body_of(shape)))
    assert (error.code, error.status) == (shape.code, shape.status)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_servers_words_are_not_in_the_sentence(shape: ErrorShape) -> None:
    error = gateway_error(shape.status, complaint_of(body_of(shape)))
    words = [word for word in (error.detail or "").split() if len(word) > 12]
    assert not any(word in error.message for word in words)
    if error.code != "gateway_auth":
        assert "LITELLM_GATEWAY_API_KEY" not in error.message


def test_an_error_within_a_reply_has_the_same_cause() -> None:
    shapes = [shape for shape in SHAPES if isinstance(shape.body, dict) and shape.code == "gateway_context_length"]
    assert len(shapes) > 5
    assert {reported_error(shape.body.get("error", shape.body)).code for shape in shapes} == {"gateway_context_length"}


def test_only_what_a_repetition_may_fix_is_tried_again() -> None:
    assert "gateway_bad_reply" in TRANSIENT
    assert TRANSIENT.isdisjoint(
        {"gateway_context_length", "gateway_filtered", "gateway_no_credit", "gateway_bad_parameter"}
    )


def test_what_the_request_said_is_no_part_of_the_complaint() -> None:
    detail = [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "no", "input": "was flagged, too many tokens"}]
    error: ServiceError = gateway_error(422, complaint_of(json.dumps({"detail": detail}).encode()))
    assert error.code == "gateway_rejected"
