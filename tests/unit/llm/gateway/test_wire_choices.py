from __future__ import annotations

import json
from typing import Any

from journeyman.events.messages import Message, Owner, ToolCall, assistant, user
from journeyman.llm.client import ModelRequest
from journeyman.llm.gateway.wire import encode_request
from journeyman.llm.gateway.wire_choices import USUAL, WireChoices


def sent(*messages: Message, choices: WireChoices = USUAL, **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(
        encode_request(ModelRequest(model="m", messages=messages, **fields), stream=False, choices=choices)
    )
    return body


def test_usually_nothing_is_left_out() -> None:
    body = sent(user("hi"), temperature=0.0, max_tokens=5)
    assert body.keys() == {"model", "messages", "temperature", "max_tokens"}


def test_refused_opaque_fields_are_left_out() -> None:
    asked = Message(role="assistant", tool_calls=(ToolCall("c", "t", "{}"),), extra={"a": 1, "b": 2}, owner=Owner("m"))
    [message] = sent(asked, choices=WireChoices(without_opaque=frozenset({"a"})))["messages"]
    assert message.keys() == {"role", "content", "tool_calls", "b"}


def test_a_parameter_that_the_model_refuses_is_left_out_or_renamed() -> None:
    choices = WireChoices(dropped=frozenset({"temperature", "seed"}), max_completion_tokens=True)
    body = sent(user("hi"), temperature=0.0, max_tokens=5, extra={"seed": 1}, choices=choices)
    assert body.keys() == {"model", "messages", "max_completion_tokens", "seed"}, "what `extra` sets is never dropped"


def test_null_content_beside_calls_becomes_empty_for_a_model_that_refuses_it() -> None:
    [message] = sent(assistant("", ToolCall("c1", "add", "{}")), choices=WireChoices(empty_content=True))["messages"]
    assert message["content"] == ""
