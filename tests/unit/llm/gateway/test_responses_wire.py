from __future__ import annotations

import json
from typing import Any

from journeyman.events.messages import FilePart, ImagePart, Message, TextPart, assistant, system, tool_result, user
from journeyman.llm.client import ModelRequest, ToolDefinition
from journeyman.llm.gateway.responses_wire import encode_responses_request
from journeyman.llm.gateway.wire_choices import USUAL, WireChoices

ADD = ToolDefinition("add", "Add.", {"type": "object"})
SCHEMA = {"type": "object"}


def sent(*messages: Message, choices: WireChoices = USUAL, stream: bool = False, **fields: Any) -> dict[str, Any]:
    request = ModelRequest(model="m", messages=messages, **fields)
    body: dict[str, Any] = json.loads(encode_responses_request(request, stream=stream, choices=choices))
    return body


def test_nothing_is_stored_and_reasoning_comes_with_the_reply() -> None:
    assert sent(user("hi")) == {
        "model": "m",
        "input": [{"role": "user", "content": "hi"}],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }


def test_settings_have_the_names_of_this_api() -> None:
    body = sent(
        user("hi"),
        stream=True,
        tools=(ADD,),
        tool_choice="add",
        temperature=0.5,
        max_tokens=9,
        response_schema=SCHEMA,
    )
    assert body["tools"] == [
        {"type": "function", "name": "add", "description": "Add.", "parameters": SCHEMA, "strict": False}
    ], "functions are strict unless the request says otherwise"
    assert body["tool_choice"] == {"type": "function", "name": "add"}
    assert (body["temperature"], body["max_output_tokens"], body["stream"]) == (0.5, 9, True)
    assert body["text"] == {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA}}
    assert body.keys().isdisjoint({"stream_options", "max_tokens"})
    assert sent(user("hi"), tools=(ADD,), tool_choice="none")["tool_choice"] == "none"
    json_mode = sent(user("hi"), response_schema=SCHEMA, response_mode="json")
    assert json_mode["text"] == {"format": {"type": "json_object"}}
    assert "text" not in sent(user("hi"), response_schema=SCHEMA, response_mode="prompt")


def test_messages_of_all_roles() -> None:
    body = sent(system("Be kind."), user("hi"), assistant("hello"), user("again"), tool_result("c", "t", ""))
    assert [(item.get("role"), item.get("content")) for item in body["input"][:4]] == [
        ("system", "Be kind."),
        ("user", "hi"),
        ("assistant", "hello"),
        ("user", "again"),
    ]
    assert body["input"][4] == {"type": "function_call_output", "call_id": "c", "output": "(no output)"}


def test_pictures_and_files() -> None:
    parts = (
        TextPart("Look:"),
        ImagePart("https://x.example/a.png"),
        FilePart("data:text/plain;base64,aGk=", "a.txt"),
        FilePart("https://x.example/b.pdf"),
        FilePart("file-1"),
    )
    assert sent(Message(role="user", content=parts))["input"][0]["content"] == [
        {"type": "input_text", "text": "Look:"},
        {"type": "input_image", "image_url": "https://x.example/a.png", "detail": "auto"},
        {"type": "input_file", "file_data": "data:text/plain;base64,aGk=", "filename": "a.txt"},
        {"type": "input_file", "file_url": "https://x.example/b.pdf"},
        {"type": "input_file", "file_id": "file-1"},
    ]


def test_extra_for_chat_completions_goes_where_this_api_has_it() -> None:
    extra = {
        "reasoning_effort": "high",
        "reasoning": {"summary": "auto"},
        "verbosity": "low",
        "max_completion_tokens": 7,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        "stream_options": {"include_usage": True},
        "service_tier": "flex",
    }
    body = sent(user("hi"), extra=extra)
    assert body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert body["text"] == {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}}}
    assert (body["max_output_tokens"], body["service_tier"]) == (7, "flex")
    assert body.keys().isdisjoint({"reasoning_effort", "verbosity", "response_format", "stream_options"})
    typed = sent(user("hi"), extra={"verbosity": "low"}, response_schema=SCHEMA)
    assert (typed["text"]["verbosity"], typed["text"]["format"]["schema"]) == ("low", SCHEMA)


def test_extra_overrides_nothing_but_what_is_stored_and_adds_to_include() -> None:
    body = sent(user("hi"), extra={"input": [], "store": True, "include": ["web_search_call.results"]})
    assert (len(body["input"]), body["store"]) == (1, True)
    assert body["include"] == ["reasoning.encrypted_content", "web_search_call.results"]


def test_null_in_extra_removes_a_key_under_either_name() -> None:
    for name in ("text", "response_format"):
        assert "text" not in sent(user("hi"), response_schema=SCHEMA, extra={name: None})
    for name in ("max_tokens", "max_output_tokens"):
        assert "max_output_tokens" not in sent(user("hi"), max_tokens=5, extra={name: None})
    assert sent(user("hi"), extra={"include": None, "store": None}).keys() == {"model", "input"}


def test_a_parameter_that_the_model_refuses_is_left_out() -> None:
    choices = WireChoices(dropped=frozenset({"temperature", "response_format", "include"}))
    body = sent(user("hi"), temperature=0.0, response_schema=SCHEMA, choices=choices)
    assert body.keys() == {"model", "input", "store"}
