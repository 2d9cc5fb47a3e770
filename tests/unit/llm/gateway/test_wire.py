from __future__ import annotations

import json

import msgspec
import pytest

from journeyman.events.messages import (
    FilePart,
    ImagePart,
    Message,
    Owner,
    TextPart,
    ToolCall,
    assistant,
    system,
    tool_result,
    user,
)
from journeyman.llm.client import ModelRequest, ToolDefinition
from journeyman.llm.gateway.wire import encode_request


def sent(*messages: Message, stream: bool = False, **fields):
    request = ModelRequest(model="m", messages=messages, **fields)
    return json.loads(encode_request(request, stream=stream))


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


def test_null_in_extra_removes_a_field():
    body = sent(user("hi"), extra={"stream_options": None, "top_p": None, "model": None}, stream=True)
    assert body == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def test_opaque_fields_stand_where_they_came_and_never_override():
    content = [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "so"}]
    asked = Message(
        role="assistant",
        content=(TextPart("so"),),
        tool_calls=(
            ToolCall("c1", "add", "{}", extra={"extra_content": {"google": 1}, "id": "x", "function": {"parsed": [2]}}),
        ),
        extra={"reasoning_content": "", "tool_calls": [], "content": content},
        owner=Owner("m"),
    )
    function = {"parsed": [2], "name": "add", "arguments": "{}"}
    assert sent(asked)["messages"] == [
        {
            "role": "assistant",
            "reasoning_content": "",
            "content": content,
            "tool_calls": [{"extra_content": {"google": 1}, "id": "c1", "type": "function", "function": function}],
        }
    ]


def test_a_conversation_with_calls_and_opaque_fields():
    asked = Message(
        role="assistant",
        tool_calls=(ToolCall("c1", "add", '{"a":1}'),),
        extra={"reasoning_content": "hm", "role": "x"},
        owner=Owner("m"),
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
        ("add", " null ", ("add", "{}")),
        ("x" * 70, '""', ("x" * 64, "{}")),
        ("x." * 40, "{}", (("x_" * 40)[:64], "{}")),
        ("", '{"a": ', ("unnamed", '{"not_json":"{\\"a\\": "}')),
        ("add", "[1]", ("add", '{"not_json":"[1]"}')),
    ],
)
def test_a_call_that_gateways_would_refuse_is_repaired(name, arguments, as_sent):
    call = sent(assistant("", ToolCall("c", name, arguments)))["messages"][0]["tool_calls"][0]["function"]
    assert (call["name"], call["arguments"]) == as_sent


def test_the_ids_of_two_replies_differ():
    turn = (assistant("", ToolCall("call_1", "add", "{}")), tool_result("call_1", "add", "1"))
    messages = sent(user("a"), *turn, *turn)["messages"]
    assert messages[1]["tool_calls"][0]["id"] == messages[2]["tool_call_id"] == "call_1"
    assert messages[3]["tool_calls"][0]["id"] == messages[4]["tool_call_id"] == "call_1_2"


def test_an_odd_id_of_another_model_is_replaced_beside_its_opaque_fields():
    call = ToolCall("functions.add:0", "add", "{}", extra={"sig": "x"})
    reply = msgspec.structs.replace(assistant("", call), extra={"reasoning": "hm"}, owner=Owner("other"))
    messages = sent(user("a"), reply, tool_result("functions.add:0", "add", "1"))["messages"]
    assert messages[1]["tool_calls"][0]["id"] == messages[2]["tool_call_id"] == "functions_add_0"
    assert "reasoning" not in messages[1]
