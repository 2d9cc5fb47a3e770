from __future__ import annotations

from typing import Any

import pytest

from journeyman.errors import ServiceError
from journeyman.llm.client import ModelReply
from journeyman.llm.gateway.partial_response import PartialResponse
from journeyman.llm.gateway.response_events import ResponseEvent

CALL = {"type": "function_call", "call_id": "c", "name": "purge", "arguments": ""}


def ended(**response: Any) -> ModelReply:
    reply = PartialResponse(("purge",))
    reply.end(response)
    return reply.complete({}, model="asked", attempts=2)


@pytest.mark.parametrize(
    ("status", "reason", "stored", "arguments"),
    [
        ("completed", None, "tool_calls", "{}"),
        ("COMPLETED", None, "tool_calls", "{}"),
        ("incomplete", "max_output_tokens", "length", ""),
        ("incomplete", "content_filter", "content_filter", ""),
        ("incomplete", "steered", "length", ""),
        ("incomplete", None, "length", ""),
        (None, None, "unknown", ""),
    ],
)
def test_only_a_completed_response_ended_well(status: str, reason: str, stored: str, arguments: str) -> None:
    reply = ended(status=status, incomplete_details={"reason": reason}, output=[CALL])
    assert (reply.finish_reason, reply.message.tool_calls[0].arguments) == (stored, arguments)
    assert (reply.model, reply.attempts) == ("asked", 2)


def test_a_response_without_text_and_calls_is_empty() -> None:
    assert ended(status="completed", output=[]).finish_reason == "empty"
    reasoning = {"type": "reasoning", "summary": [], "encrypted_content": "sealed"}
    assert ended(status="completed", output=[reasoning]).finish_reason == "empty"
    assert ended(status="incomplete", output=[reasoning]).finish_reason == "length"


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ([{"type": "program"}], "items of unknown types"),
        ([{"type": "message", "content": [{"type": "drawing"}]}], "parts of unknown types"),
    ],
)
def test_what_cannot_be_read_is_no_reply(output: list[Any], why: str) -> None:
    with pytest.raises(ServiceError, match=why):
        ended(status="completed", output=output)


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}}, "gateway_error"),
        ({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "x"}}, "gateway_rate_limited"),
        ({"status": "failed", "error": {"code": "bio_policy", "message": "x"}}, "gateway_filtered"),
        ({"status": "failed", "error": {"code": "image_too_large", "message": "x"}}, "gateway_rejected"),
        ({"status": "failed"}, "gateway_error"),
        ({"status": "cancelled"}, "gateway_error"),
        ({"status": "queued"}, "gateway_bad_reply"),
        ({"status": "in_progress"}, "gateway_bad_reply"),
    ],
)
def test_a_response_that_is_none_is_a_failure(response: dict[str, Any], code: str) -> None:
    with pytest.raises(ServiceError) as caught:
        ended(output=[], **response)
    assert caught.value.code == code


def test_nothing_at_all_is_no_reply() -> None:
    with pytest.raises(ServiceError, match="no output"):
        PartialResponse().complete({}, model="m", attempts=1)


def test_texts_are_shown_as_they_come_and_reasoning_is_not() -> None:
    reply = PartialResponse()
    for kind, delta in (("reasoning_text", "hm"), ("output_text", "a"), ("refusal", "b"), ("output_text", None)):
        reply.add(ResponseEvent(type=f"response.{kind}.delta", delta=delta))
    reply.add(ResponseEvent(type=5))
    reply.add(ResponseEvent(type="response.new_thing.delta", delta="c"))
    assert reply.shown.pieces == ["a", "b"]


def test_halves_of_a_character_are_joined() -> None:
    reply = PartialResponse()
    for delta in ("\ud83d", "\ude00"):
        reply.add(ResponseEvent(type="response.output_text.delta", delta=delta))
    reply.end({"status": "completed", "output": []})
    assert reply.complete({}, model="m", attempts=1).message.text == "".join(reply.shown.pieces) == "😀"


def test_tokens_are_counted() -> None:
    details = {"input_tokens_details": {"cached_tokens": 4}, "output_tokens_details": {"reasoning_tokens": 3}}
    usage = ended(status="completed", output=[CALL], usage={"input_tokens": 9, "output_tokens": 5, **details}).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (9, 5, 4)
