"""Chat completions JSON as a server reads and writes it."""

from __future__ import annotations

import json

import pytest

from journeyman.errors import ValidationError
from journeyman.events.messages import ImagePart, TextPart, ToolCall
from journeyman.llm.fake.wire import decode_request


def body(**changes: object) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": "hi"}], **changes}).encode()


def test_a_request_without_a_model_is_for_the_offline_one() -> None:
    asked = decode_request(body())
    assert (asked.request.model, asked.stream, asked.include_usage) == ("offline", False, False)
    streamed = decode_request(body(model="m", stream=True, stream_options={"include_usage": True}))
    assert (streamed.request.model, streamed.stream, streamed.include_usage) == ("m", True, True)


def test_a_tools_result_gets_the_name_of_its_call() -> None:
    call = {"id": "c1", "function": {"name": "look", "arguments": "{}"}}
    messages = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c1", "content": "seen"}]
    asked, told = decode_request(body(messages=messages)).request.messages
    assert (asked.tool_calls, told.name, told.text) == ((ToolCall("c1", "look", "{}"),), "look", "seen")


def test_parts_of_a_message_are_text_or_images() -> None:
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "https://x.example/i.png"}}]
    (message,) = decode_request(body(messages=[{"role": "user", "content": parts}])).request.messages
    assert message.content == (TextPart("see"), ImagePart("https://x.example/i.png"))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (b"not json", "not a chat completion"),
        (b'{"messages": []}', "must not be empty"),
        (body(messages=[{"role": "nobody", "content": "x"}]), "unknown role 'nobody'"),
        (body(messages="x"), "messages"),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(given: bytes, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        decode_request(given)
