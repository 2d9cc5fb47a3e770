"""A plain reply is read as `PartialReply` reads it; anything else is left to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.errors import ServiceError
from journeyman.llm.client import ModelReply
from journeyman.llm.gateway.deltas import decode_reply
from journeyman.llm.gateway.plain_reply import plain_reply

TOOLS = ("add", "lookup")
texts = st.text(max_size=8) | st.sampled_from(["The sum is 3.", " ", "\x00", "\ud83d", "{}", '"x"'])
odd: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-2, 2) | texts | st.just([]) | st.just({}) | st.just({"a": 1})
)
arguments = st.sampled_from(["{}", '{"a": 1}', "", "null", '{"a": 1', '{"a": 1}{"a": 2}', '"{}"', " {}", "[]"]) | odd
functions = st.fixed_dictionaries(
    {"name": st.sampled_from([*TOOLS, "functions.add", "", "other"]) | odd, "arguments": arguments},
    optional={"signature": odd},
)
calls = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b", "", "a\x00"]) | odd, "function": functions | odd},
    optional={"type": st.sampled_from(["function", ""]) | odd, "index": odd, "extra_content": odd},
)
messages = st.fixed_dictionaries(
    {"role": st.just("assistant") | odd},
    optional={
        "content": texts | odd,
        "tool_calls": st.lists(calls, max_size=3) | odd,
        "refusal": odd,
        "annotations": odd,
    },
)
choices = st.fixed_dictionaries(
    {
        "message": messages | odd,
        "finish_reason": st.sampled_from(["stop", "tool_calls", "STOP", "length", "error"]) | odd,
    },
    optional={"index": odd, "delta": odd, "usage": odd, "error": odd, "logprobs": odd},
)
usages = st.fixed_dictionaries({}, optional={"prompt_tokens": odd, "completion_tokens": st.integers(0, 9), "cost": odd})
replies = st.fixed_dictionaries(
    {"choices": st.lists(choices, max_size=2) | odd},
    optional={"model": texts | odd, "usage": usages | odd, "error": odd, "x_groq": odd, "id": odd},
)


def reply_of(message: dict[str, Any], **choice: Any) -> bytes:
    entry = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop", **choice}
    return json.dumps({"choices": [entry], "model": "m", "usage": {"prompt_tokens": 1}}).encode()


def call_of(call_id: str = "a", name: str = "add", arguments: str = '{"a": 1}') -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def read(body: bytes) -> ModelReply | None:
    return plain_reply(body, {}, TOOLS, attempts=1)


@given(replies)
def test_both_readings_agree(reply: dict[str, Any]) -> None:
    body = json.dumps(reply).encode()
    if (plain := read(body)) is not None:
        assert plain == decode_reply(body, {}, TOOLS, model="asked")


@given(st.text(min_size=1, max_size=20), st.lists(st.sampled_from(TOOLS), max_size=3), st.booleans())
def test_plain_replies_are_read_and_both_readings_agree(text: str, names: list[str], null: bool) -> None:
    entries = [call_of(f"id{number}", name) for number, name in enumerate(names)]
    body = reply_of({"content": None if null and names else text, "tool_calls": entries})
    plain = read(body)
    assert (plain is None) == ("\x00" in text and not (null and names))
    if plain is not None:
        assert plain == decode_reply(body, {}, TOOLS, model="asked")


@pytest.mark.parametrize(
    "body",
    [
        reply_of({"content": "x"}, finish_reason="length"),
        reply_of({"content": "x"}, finish_reason="error"),
        reply_of({"content": "x", "reasoning_content": ""}),
        reply_of({"content": "x"}, error={"message": "no"}),
        reply_of({"content": ""}),
        reply_of({"tool_calls": [call_of(), call_of()]}),
        reply_of({"tool_calls": [call_of(arguments="")]}),
        reply_of({"tool_calls": [call_of("")]}),
        reply_of({"tool_calls": [call_of(name="functions.add")]}),
        b"data: {}",
        b"[" * 100_000,
        b"",
    ],
)
def test_other_replies_are_left_to_the_other_reading(body: bytes) -> None:
    assert read(body) is None


def test_an_error_beside_a_choice_is_left_to_the_other_reading() -> None:
    body = json.dumps({"error": {"message": "overloaded"}, **json.loads(reply_of({"content": "x"}))}).encode()
    assert read(body) is None
    with pytest.raises(ServiceError, match="the gateway failed"):
        decode_reply(body, {}, model="m")
