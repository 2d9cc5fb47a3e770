"""Requests that are refused for a part of them are sent again without it, and what helped is remembered."""

from __future__ import annotations

import json
import logging
from typing import Any

import msgspec
import pytest

from journeyman.egress.transport import FakeReply, Request
from journeyman.errors import ServiceError
from journeyman.events.messages import ImagePart, Message, Owner, TextPart, ToolCall, system, tool_result, user
from journeyman.llm.client import ModelRequest
from journeyman.llm.gateway.learned import LearnedChoices, shown
from journeyman.llm.gateway.wire_choices import USUAL, WireChoices
from tests.unit.llm.gateway.test_gateway import WHOLE, Setup, plain, stream

REQUEST = ModelRequest(model="m", messages=(user("hi"),), temperature=0.2, max_tokens=9)


def refused(message: str, param: str | None = None, status: int = 400) -> FakeReply:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": None}}
    return FakeReply(json.dumps(body).encode(), status=status)


TEMPERATURE = refused("Unsupported value: 'temperature'", "temperature")
MAX_TOKENS = refused("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens")


def body(request: Request) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(request.body)
    return sent


async def call(setup: Setup, request: ModelRequest = REQUEST, *, streamed: bool = False) -> str:
    reply = await setup.gateway.call(request, setup.deltas.append if streamed else None)
    return reply.message.text


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_a_model_refuses_is_left_out_then_and_later(
    streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [stream(*WHOLE), stream(*WHOLE)] if streamed else [plain(), plain()]
    setup = Setup(MAX_TOKENS, TEMPERATURE, *answers, max_retries=0)
    with caplog.at_level(logging.WARNING):
        assert [await call(setup, streamed=streamed), await call(setup, streamed=streamed)] == ["hello", "hello"]
    first, second, third, later = map(body, setup.transport.requests)
    assert (first["max_tokens"], first["temperature"]) == (9, 0.2)
    assert (second["max_completion_tokens"], second["temperature"]) == (9, 0.2)
    assert "max_tokens" not in second
    assert third == later
    assert "temperature" not in third
    [line] = [record.message for record in caplog.records if "refuses" in record.message]
    assert line.endswith("temperature is left out, max_tokens is sent as max_completion_tokens from now on")
    assert setup.clock.slept == []


async def test_stream_options_are_learned_from_a_stream() -> None:
    setup = Setup(refused("Unknown parameter: 'stream_options'.", status=422), stream(*WHOLE), max_retries=0)
    assert await call(setup, streamed=True) == "hello"
    assert "stream_options" in body(setup.transport.requests[0])
    assert "stream_options" not in body(setup.transport.requests[1])


async def test_a_change_that_did_not_help_is_not_remembered() -> None:
    setup = Setup(TEMPERATURE, refused("no"), plain(), max_retries=0)
    with pytest.raises(ServiceError) as caught:
        await call(setup)
    assert caught.value.code == "gateway_rejected"
    assert setup.gateway.learned.of("m") == USUAL
    await call(setup)
    assert body(setup.transport.requests[-1])["temperature"] == 0.2


async def test_the_same_complaint_again_ends_the_call() -> None:
    setup = Setup(*[TEMPERATURE] * 9, max_retries=3)
    with pytest.raises(ServiceError) as caught:
        await call(setup)
    assert caught.value.code == "gateway_bad_parameter"
    assert "`temperature`" in caught.value.message
    assert "Unsupported value" not in caught.value.message
    assert len(setup.transport.requests) == 2


async def test_what_the_user_set_by_extra_is_told_and_not_dropped() -> None:
    setup = Setup(refused("Unknown parameter: 'seed'.", "seed"))
    with pytest.raises(ServiceError) as caught:
        await call(setup, msgspec.structs.replace(REQUEST, extra={"seed": 1}))
    assert (caught.value.code, len(setup.transport.requests)) == ("gateway_bad_parameter", 1)
    assert "`seed`" in caught.value.message


async def test_an_opaque_field_and_null_content_are_learned() -> None:
    asked = Message(role="assistant", tool_calls=(ToolCall("c", "add", "{}"),), extra={"x": 1}, owner=Owner("m"))
    request = ModelRequest(model="m", messages=(user("hi"), asked, tool_result("c", "add", "3")))
    setup = Setup(refused("property 'x' is unsupported"), refused("invalid message content type: <nil>"), plain())
    assert await call(setup, request) == "hello"
    sent = body(setup.transport.requests[-1])["messages"][1]
    assert sent["content"] == ""
    assert "x" not in sent
    assert setup.gateway.learned.of("m") == WireChoices(without_opaque=frozenset({"x"}), empty_content=True)


@pytest.mark.parametrize("status", [400, 404, 422, 500])
async def test_refused_pictures_are_sent_as_notes_then_and_later(status: int) -> None:
    seen = Message(role="user", content=(TextPart("what is it?"), ImagePart("data:image/png;base64,AA==", "file_1")))
    request = ModelRequest(model="m", messages=(seen,))
    setup = Setup(refused("This model does not support image input", status=status), plain(), plain(), max_retries=0)
    assert [await call(setup, request), await call(setup, request)] == ["hello", "hello"]
    first, second, later = (body(sent)["messages"][0]["content"] for sent in setup.transport.requests)
    assert first[1]["type"] == "image_url"
    assert second == later == "what is it?\n[Picture (file_1): this model cannot see pictures]"
    assert setup.gateway.learned.of("m") == WireChoices(without_parts=frozenset({"image"}))


async def test_a_model_that_is_said_to_see_is_not_asked_again_without_its_pictures() -> None:
    seen = Message(role="user", content=(ImagePart("data:image/png;base64,AA=="),))
    setup = Setup(refused("This model does not support image input"))
    with pytest.raises(ServiceError):
        await call(setup, ModelRequest(model="m", messages=(seen,), vision=True))
    assert len(setup.transport.requests) == 1


async def test_the_schema_is_in_the_prompt_where_response_format_is_refused() -> None:
    schema = {"type": "object", "required": ["answer"]}
    request = ModelRequest(model="m", messages=(system("Be brief."), user("hi")), response_schema=schema)
    refusal = refused("This response_format type is unavailable now")
    setup = Setup(refusal, refusal, plain(), plain())
    await call(setup, request)
    await call(setup, request)
    first, second, third, next_call = map(body, setup.transport.requests)
    assert first["messages"][0]["content"] == "Be brief."
    assert second["response_format"] == {"type": "json_object"}
    assert "response_format" not in third
    for told in (second, third):
        assert told["messages"][0]["content"].startswith("Be brief.\n\nAnswer with JSON alone")
        assert json.dumps(schema, separators=(",", ":")) in told["messages"][0]["content"]
    assert next_call == third


async def test_each_model_learns_alone() -> None:
    setup = Setup(TEMPERATURE, plain(), plain())
    await call(setup)
    await call(setup, msgspec.structs.replace(REQUEST, model="n"))
    assert body(setup.transport.requests[-1])["temperature"] == 0.2


async def test_a_transient_failure_keeps_what_was_changed() -> None:
    setup = Setup(TEMPERATURE, FakeReply(b"", status=500), plain(), max_retries=1)
    assert await call(setup) == "hello"
    assert "temperature" not in body(setup.transport.requests[-1])


async def test_a_malformed_call_of_a_tool_is_tried_again_and_opens_no_breaker() -> None:
    failed = FakeReply(b'{"error":{"message":"Failed","code":"tool_use_failed"}}', status=400)
    setup = Setup(*[failed] * 9, plain(), max_retries=9)
    assert await call(setup) == "hello"


async def test_the_key_is_in_no_part_of_the_error() -> None:
    setup = Setup(refused("key sk_secret_1", "messages.sk_secret_1"), key="sk_secret_1")
    with pytest.raises(ServiceError) as caught:
        await call(setup)
    assert "sk_secret_1" not in caught.value.message + str(caught.value.detail)


def test_what_is_learned_is_bounded_and_can_be_forgotten() -> None:
    learned = LearnedChoices()
    for number in range(300):
        learned.remember(f"m{number}", WireChoices(dropped=frozenset({"temperature"})))
    assert len(learned.figures()) == 256
    assert learned.of("m0") == USUAL
    learned.remember("m299", WireChoices(without_opaque=frozenset(f"f{number}" for number in range(99))))
    assert len(learned.of("m299").without_opaque) == 64
    assert learned.of("m299").dropped == {"temperature"}
    assert shown(learned.of("m299"))["dropped"] == ["temperature"]
    learned.forget()
    assert learned.figures() == {}
