from __future__ import annotations

import json

import pytest

from journeyman.errors import ServiceError
from journeyman.events.messages import (
    FilePart,
    ImagePart,
    Message,
    TextPart,
    ToolCall,
    Usage,
    assistant,
    system,
    tool_result,
    user,
)
from journeyman.llm.client import ModelRequest, ToolDefinition
from journeyman.llm.gateway.wire import decode_reply, encode_request


def sent(*messages: Message, stream: bool = False, **fields):
    return json.loads(encode_request(ModelRequest(model="m", messages=messages, **fields), stream=stream))


def received(message=None, headers=None, **fields):
    choice = {"message": {"role": "assistant", "content": "hi"} if message is None else message}
    return decode_reply(json.dumps({"choices": [choice], **fields}).encode(), headers or {}, model="asked")


def test_an_unset_field_is_left_out():
    assert sent(user("hi")) == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_set_fields_are_sent_and_extra_never_overrides():
    schema = {"type": "object", "properties": {}}
    body = sent(
        system("be brief"),
        tools=(ToolDefinition("add", "Adds", schema),),
        tool_choice="add",
        temperature=0.0,
        max_tokens=5,
        response_schema=schema,
        extra={"top_p": 0.5, "model": "other", "stream": False},
        stream=True,
    )
    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}],
        "tools": [{"type": "function", "function": {"name": "add", "description": "Adds", "parameters": schema}}],
        "tool_choice": {"type": "function", "function": {"name": "add"}},
        "temperature": 0.0,
        "max_tokens": 5,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
        "top_p": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert "tool_choice" not in sent(user("hi"), tool_choice="required")


def test_a_conversation_with_calls_and_opaque_fields():
    asked = Message(
        role="assistant", tool_calls=(ToolCall("c1", "add", '{"a":1}'),), extra={"reasoning_content": "hm", "role": "x"}
    )
    assert sent(asked, tool_result("c1", "add", "2"), assistant("two"), assistant(""))["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {"role": "assistant", "content": "two"},
        {"role": "assistant", "content": ""},
    ]


def test_parts_of_other_kinds_go_as_a_list():
    content = (TextPart("see"), ImagePart("https://x/i.png"), FilePart("data:,a", "a.txt"), FilePart("https://x/f"))
    assert sent(Message(role="user", content=content))["messages"][0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "https://x/i.png"}},
        {"type": "file", "file": {"file_data": "data:,a", "filename": "a.txt"}},
        {"type": "file", "file": {"file_id": "https://x/f"}},
    ]
    assert sent(Message(role="user", content=(TextPart("a"), TextPart("b"))))["messages"][0]["content"] == "ab"


def test_a_stopped_reply_goes_as_its_text_without_calls_and_not_at_all_when_empty():
    stopped = Message(
        role="assistant",
        content=(TextPart("so f"),),
        tool_calls=(ToolCall("c", "t", "{"),),
        partial=True,
        extra={"signature": "s"},
    )
    assert sent(stopped, Message(role="assistant", partial=True), user("go on"))["messages"] == [
        {"role": "assistant", "content": "so f"},
        {"role": "user", "content": "go on"},
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "as_sent"),
    [
        ("add", '{"a": 1}', ("add", '{"a": 1}')),
        ("a b.c", "", ("a_b_c", "{}")),
        ("", '{"a": ', ("unnamed", '{"not_json":"{\\"a\\": "}')),
        ("add", "[1]", ("add", '{"not_json":"[1]"}')),
    ],
)
def test_a_call_that_gateways_would_refuse_is_repaired(name, arguments, as_sent):
    call = sent(assistant("", ToolCall("c", name, arguments)))["messages"][0]["tool_calls"][0]["function"]
    assert (call["name"], call["arguments"]) == as_sent


def test_a_plain_reply():
    usage = {"prompt_tokens": 7, "completion_tokens": 3.0, "prompt_tokens_details": {"cached_tokens": 2}}
    reply = received(usage=usage, model="gpt", headers={"x-litellm-response-cost": "0.25"})
    assert (reply.message, reply.model, reply.finish_reason) == (assistant("hi"), "gpt", "stop")
    assert reply.usage == Usage(7, 3, 2, 0.25)


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, ""), ([{"type": "text", "text": "a"}, {"type": "thinking"}, "b", 3], "ab"), (7, ""), ("a\0b", "ab")],
)
def test_contents_of_every_shape(content, text):
    assert received({"content": content}).message.text == text


def test_a_refusal_is_text_and_unknown_fields_are_kept_storable():
    reply = received({"content": None, "refusal": "no", "reasoning_content": "a\0b", "annotations": [], "audio": None})
    assert reply.message.text == "no"
    assert reply.message.extra == {"reasoning_content": "ab"}


@pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": "many", "completion_tokens": -4, "cost": "nan"}])
def test_missing_usage_counts_as_zero(usage):
    assert received(usage=usage).usage == Usage()


def test_ids_are_made_distinct_and_arguments_stay_text():
    function = {"name": "t", "arguments": "{not json"}
    calls = [{"id": call_id, "function": function} for call_id in ("a", "a", "a_2", None, "")]
    calls.append({"id": "b", "function": {"name": "t", "arguments": {"x": 1}}})
    calls.append({"id": "c", "function": {"name": "t"}})
    reply = received({"content": None, "tool_calls": calls})
    assert [call.id for call in reply.message.tool_calls] == ["a", "a_2", "a_2_2", "call_4", "call_5", "b", "c"]
    assert [call.arguments for call in reply.message.tool_calls[-3:]] == ["{not json", '{"x":1}', "{}"]
    assert reply.finish_reason == "tool_calls"


def test_lone_surrogates_and_bytes_that_are_not_text_are_repaired():
    body = b'{"choices":[{"message":{"content":"a\\ud800b\xff\\ud83d\\ude00"}}],"n":1e999}'
    assert decode_reply(body, {}, model="m").message.text == "a\ufffdb\ufffd\U0001f600"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>down</html>",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":null}',
        b'{"choices":[{}]}',
        b'{"choices":[{"message":"hi"}]}',
        b'{"choices":[{"message":{"tool_calls":{"a":1}}}]}',
        b'{"choices":[{"message":{"tool_calls":[1]}}]}',
        b'{"choices":[{"message":{"tool_calls":[{"function":7}]}}]}',
        b'{"choices":' + b"[" * 100_000,
        b"\x1f\x8b\x08\x00gzip",
    ],
)
def test_a_body_that_is_no_completion_is_a_bad_reply(body):
    with pytest.raises(ServiceError) as caught:
        decode_reply(body, {}, model="m")
    assert caught.value.code == "gateway_bad_reply"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"message": "slow down", "code": "429"}, "gateway_rate_limited"),
        ({"message": "no", "code": 401}, "gateway_auth"),
        ("broken", "gateway_error"),
        ({"code": "context_length_exceeded"}, "gateway_error"),
    ],
)
def test_an_error_in_place_of_a_reply(error, code):
    with pytest.raises(ServiceError) as caught:
        decode_reply(json.dumps({"error": error}).encode(), {}, model="m")
    assert caught.value.code == code
