"""Which part of a request is left out after a complaint, by the words of real servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman.events.messages import Message, Owner, ToolCall, tool_result, user
from journeyman.llm.client import ModelRequest, ToolDefinition
from journeyman.llm.gateway.complaint import complaint_in, complaint_of
from journeyman.llm.gateway.refused_part import refused_name, without_refused, without_stream
from journeyman.llm.gateway.wire_choices import USUAL, WireChoices

OWNER = Owner("m")
ASKED = Message(
    role="assistant",
    tool_calls=(ToolCall("c", "add", "{}", extra={"extra_content": {"google": 1}}),),
    extra={"reasoning": "hm", "reasoning_details": []},
    owner=OWNER,
)
REQUEST = ModelRequest(
    model="m",
    messages=(user("hi"), ASKED, tool_result("c", "add", "3")),
    tools=(ToolDefinition("add", "Add", {}),),
    temperature=0.2,
    max_tokens=9,
    response_schema={"type": "object"},
    extra={"seed": 1},
)


def openai(message: str, param: str | None = None, code: str | None = None) -> Any:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def forbidden(*loc: Any) -> Any:
    return {"detail": [{"type": "extra_forbidden", "loc": ["body", *loc], "msg": "Extra inputs are not permitted"}]}


def after(body: Any, request: ModelRequest = REQUEST, choices: WireChoices = USUAL) -> WireChoices | None:
    return without_refused(complaint_of(json.dumps(body).encode()), request, OWNER, choices, stream=True)


DROPPED = [
    # https://github.com/johny-b/llmcomp/issues/69
    (openai("Unsupported value: 'temperature' does not support 0 with this model.", "temperature"), "temperature"),
    # https://github.com/HKUDS/nanobot/issues/370
    (
        openai("litellm.UnsupportedParamsError: models don't support temperature=0.7. ... reasoning_effort='none'"),
        "temperature",
    ),
    # https://github.com/dnakov/anon-kode/issues/53
    ({"object": "error", "message": forbidden("stream_options", "include_usage"), "code": None}, "stream_options"),
    # https://github.com/mistralai/platform-docs-public/issues/7: the detail is a text within the message
    ({"object": "error", "message": json.dumps(forbidden("stream_options")), "code": "1000"}, "stream_options"),
    # https://github.com/agno-agi/agno/issues/1066
    (openai("Unknown parameter: 'stream_options'.", "stream_options", "unknown_parameter"), "stream_options"),
    # https://github.com/Pythagora-io/gpt-pilot/issues/1022
    (openai("Unrecognized request argument supplied: stream_options. Please contact us", ""), "stream_options"),
    # https://github.com/bytedance/deer-flow/issues/545
    (openai("This response_format type is unavailable now", code="invalid_request_error"), "response_format"),
    # https://github.com/browser-use/browser-use/pull/215
    (
        openai("Failed to deserialize the JSON body: response_format.type `json_schema` is unavailable"),
        "response_format",
    ),
    # https://github.com/Simpleyyt/ai-manus/issues/101
    (
        [{"error": {"code": 400, "message": "Function calling with a response mime type: 'application/json' is no"}}],
        "response_format",
    ),
    # https://github.com/BerriAI/litellm/pull/16265: another spelling
    ({"code": "invalid", "error": "Model m does not support parameter streamOptions."}, "stream_options"),
    # temperature and another are refused together: the one that the server sets itself goes
    (openai("`temperature` and `top_p` cannot both be specified for this model."), "temperature"),
]


@pytest.mark.parametrize(("body", "name"), DROPPED)
def test_a_parameter_that_is_named_is_dropped(body: Any, name: str) -> None:
    assert after(body) == WireChoices(dropped=frozenset({name}))


def test_max_tokens_is_renamed_and_only_for_its_name() -> None:
    # https://github.com/griptape-ai/ComfyUI-Griptape/issues/312
    message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    assert after(openai(message, "max_tokens", "unsupported_parameter")) == WireChoices(max_completion_tokens=True)
    assert after(openai(message), choices=WireChoices(max_completion_tokens=True)) is None
    assert after(openai("max_tokens is too large: 9. It supports at most 5 completion tokens", "max_tokens")) is None


OPAQUE = [
    # https://github.com/karthink/gptel/issues/774
    (
        openai("'messages.2' : for 'role:assistant' [('messages.2' : property 'reasoning' is unsupported)]"),
        {"reasoning"},
    ),
    # https://github.com/charmbracelet/crush/issues/1590
    (forbidden("messages", 1, "assistant", "reasoning_details"), {"reasoning_details"}),
    # https://github.com/vercel/ai/pull/8057
    (openai("messages[1].reasoning: reasoning is not supported with this model"), {"reasoning"}),
    # a field of a tool call
    (forbidden("messages", 1, "assistant", "tool_calls", 0, "extra_content"), {"extra_content"}),
    # another name for it
    (openai("messages.1: `thinking` blocks are not allowed"), {"reasoning", "reasoning_details"}),
]


@pytest.mark.parametrize(("body", "names"), OPAQUE)
def test_an_opaque_field_that_is_named_is_left_out(body: Any, names: set[str]) -> None:
    assert after(body) == WireChoices(without_opaque=frozenset(names))


def test_a_field_that_is_missed_is_not_left_out() -> None:
    # https://github.com/JohnnyZ93/oai-compatible-copilot/issues/202
    assert after(openai("The `reasoning` in the thinking mode must be passed back to the API.")) is None


NULL_CONTENT = [
    # https://github.com/pydantic/pydantic-ai/issues/5206
    openai("invalid message content type: <nil>"),
    # https://github.com/docker/docker-agent/issues/63
    openai("Invalid value for 'content': expected a string, got null.", "messages.[1].content"),
    # https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/261
    openai("Invalid 'content': 'content' field must be a string or an array of objects."),
    {"detail": [{"loc": ["body", "messages", 1, "content"], "msg": "none is not an allowed value"}]},
]


@pytest.mark.parametrize("body", NULL_CONTENT)
def test_null_content_that_is_named_becomes_empty(body: Any) -> None:
    assert after(body) == WireChoices(empty_content=True)
    assert after(body, ModelRequest(model="m", messages=(user("hi"),))) is None


NEVER = [
    (openai("Unknown parameter: 'seed'.", "seed"), "seed"),
    (openai("registry/m does not support tools"), "tools"),
    (openai("tool_choice is not supported", "tool_choice"), "tool_choice"),
    (openai("max_tokens is too large: 9.", "max_tokens"), "max_tokens"),
    (openai("Invalid 'tools[0].function.name'", "tools[0].function.name"), "tools[0].function.name"),
    (forbidden("messages", 0, "user", "name"), "messages.0.user.name"),
]


@pytest.mark.parametrize(("body", "name"), NEVER)
def test_what_is_never_dropped_is_named(body: Any, name: str) -> None:
    assert after(body) is None
    assert refused_name(complaint_of(json.dumps(body).encode()), REQUEST) == name


@pytest.mark.parametrize(
    "body",
    [
        openai("no such model"),
        openai("x", "sk-live-1234567890"),
        openai("x", "None"),
        openai("x", "validation_error"),
        openai("x", "messages." + "a" * 80),
        "Bad Request",
        [],
        {"error": {"param": {"a": 1}, "code": ["x"], "message": None}},
    ],
)
def test_nothing_else_is_named(body: Any) -> None:
    assert after(body) is None
    assert refused_name(complaint_of(json.dumps(body).encode()), REQUEST) is None


@pytest.mark.parametrize(
    ("said", "whole"),
    [
        ({"message": "Your organization must be verified to stream this model.", "param": "stream"}, True),
        ({"message": "Streaming is not supported for this model."}, True),
        ({"message": "o3-pro does not support streaming"}, True),
        ({"message": "stream_options is only allowed when stream is enabled", "param": "stream_options"}, False),
        ({"message": "the upstream closed its stream"}, False),
    ],
)
def test_a_model_that_does_not_stream(said: dict[str, str], whole: bool) -> None:
    request = ModelRequest(model="m", messages=())
    choices = without_stream(complaint_in(said), request, USUAL)
    assert choices == (WireChoices(dropped=frozenset({"stream", "stream_options"})) if whole else None)
    assert choices is None or without_stream(complaint_in(said), request, choices) is None
    assert (
        without_stream(complaint_in(said), ModelRequest(model="m", messages=(), extra={"stream": True}), USUAL) is None
    )
