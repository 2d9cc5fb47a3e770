"""The fake server's Responses API, decoded and encoded, and through the real gateway client."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from journeyman.clock import ManualClock
from journeyman.errors import ServiceError, ValidationError
from journeyman.events.messages import (
    FilePart,
    ImagePart,
    Message,
    Owner,
    TextPart,
    ToolCall,
    Usage,
    assistant,
    system,
    tool_result,
    user,
)
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta, ToolDefinition
from journeyman.llm.fake.replay import ReplayModel
from journeyman.llm.fake.responses_wire import decode_responses_request, response, response_events
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.llm.fake.server import fake_llm_app
from tests.unit.llm.fake.test_server import fetch, gateway

ASK = ModelRequest(model="m", messages=(user("hi"),), api="responses")
CALLS = (ToolCall("a", "t", "{}"), ToolCall("b", "t", '{"c": 1}'))
REPLY = ModelReply(message=assistant("two words", *CALLS), model="m", usage=Usage(3, 4, 1), finish_reason="tool_calls")


def plain(reply: ModelReply) -> ModelReply:
    """Return the reply without its opaque fields."""
    calls = tuple(msgspec.structs.replace(call, extra={}) for call in reply.message.tool_calls)
    message = msgspec.structs.replace(reply.message, extra={}, owner=None, tool_calls=calls)
    return msgspec.structs.replace(reply, message=message)


async def test_a_reply_survives_the_way_through_server_and_client() -> None:
    client = gateway(ReplayModel([REPLY, REPLY]))
    deltas: list[TextDelta] = []
    whole, streamed = await client.call(ASK), await client.call(ASK, deltas.append)
    assert plain(whole) == plain(streamed) == REPLY
    assert whole.message.owner == streamed.message.owner == Owner("m", "", "responses")
    assert deltas == [TextDelta("two words")]


async def test_a_request_survives_too() -> None:
    asked = ModelRequest(
        model="m",
        messages=(
            system("s"),
            Message(role="user", content=(TextPart("see"), ImagePart("https://x/i.png"), FilePart("file-1", "f"))),
            assistant("Let me.", ToolCall("c", "t", '{"a":1}'), ToolCall("d", "t", "{}")),
            tool_result("c", "t", "r"),
            tool_result("d", "t", "r"),
        ),
        tools=(ToolDefinition("t", "does", {"type": "object"}),),
        tool_choice="t",
        temperature=0.5,
        max_tokens=9,
        response_schema={"type": "object"},
    )
    model = ScriptedModel([{"text": "ok"}])
    await gateway(model).call(msgspec.structs.replace(asked, api="responses"))
    assert model.requests[0] == asked


async def test_reasoning_is_sealed_and_has_to_come_back() -> None:
    model = ScriptedModel([{"tool_calls": [{"name": "t"}]}, {"text": "done"}])
    client = gateway(model)
    asked = msgspec.structs.replace(ASK, extra={"reasoning_effort": "low"})
    first = (await client.call(asked)).message
    [reasoning, call] = first.extra["output"]
    assert reasoning == {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed-1"}
    assert call == {"type": "function_call"}
    thread = (user("hi"), first, tool_result(first.tool_calls[0].id, "t", "r"))
    assert (await client.call(msgspec.structs.replace(asked, messages=thread))).message.text == "done"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_a_cut_reply_is_incomplete(reason: str, streamed: bool) -> None:
    reply = msgspec.structs.replace(REPLY, finish_reason=reason)
    got = await gateway(ReplayModel([reply])).call(ASK, (lambda _: None) if streamed else None)
    assert got.finish_reason == reason


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("rate_limit", "gateway_rate_limited"),
        ("malformed_json", "gateway_bad_reply"),
        ("cut_stream", "gateway_cut_stream"),
        ("auth", "gateway_auth"),
    ],
)
async def test_scripted_errors_reach_the_client_unchanged(word: str, code: str, streamed: bool) -> None:
    client = gateway(ScriptedModel([{"error": word, "text": "some words to be cut"}]))
    deltas: list[TextDelta] = []
    with pytest.raises(ServiceError) as caught:
        await client.call(ASK, deltas.append if streamed else None)
    assert caught.value.code == code
    assert bool(deltas) == (streamed and word == "cut_stream")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b'{"input": []}', 400),
        (b'{"input": [{"role": "wizard", "content": "x"}]}', 400),
        (b'{"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}', 400),
        (b'{"input": [{"type": "reasoning", "id": "rs_1"}]}', 404),
        (b'{"input": "x"}', 200),
        (b'{"instructions": "s", "input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}]}', 200),
    ],
)
async def test_answers_with_the_statuses_of_the_protocol(body: bytes, status: int) -> None:
    app = fake_llm_app(ScriptedModel([{"text": "ok"}]), clock=ManualClock())
    reply = await fetch(app, "POST", "/v1/responses", body)
    assert reply.status == status
    answer = json.loads(b"".join(reply.body))
    assert bool(answer.get("error")) == (status != 200)


def test_what_is_not_valid_says_where() -> None:
    with pytest.raises(ValidationError, match=r"No tool call found .* call_id c"):
        decode_responses_request(b'{"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}')


def test_events_are_numbered_and_end_with_the_whole_response() -> None:
    asked = decode_responses_request(b'{"input": "x", "stream": true}')
    whole: dict[str, Any] = response(REPLY, asked, 1, 0)
    events = list(response_events(whole, ["two ", "words"]))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["response"] == whole
    assert [event["delta"] for event in events if event["type"] == "response.output_text.delta"] == ["two ", "words"]
