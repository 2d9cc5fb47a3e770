"""Choices of a reply, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.errors import ServiceError
from journeyman.llm.client import ModelReply
from journeyman.llm.gateway.chunks import Choice, Chunk
from journeyman.llm.gateway.partial_reply import PartialReply


def call(name: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "id": name, "function": {"name": name, "arguments": ""}}]}


def read(*choices: Choice) -> ModelReply:
    reply = PartialReply(("a", "b"))
    for choice in choices:
        reply.add(Chunk(choices=[choice]))
    assert not reply.is_blank
    return reply.complete({}, model="m", attempts=1)


def test_the_worst_reason_counts() -> None:
    reply = read(Choice(delta=call("a")), Choice(finish_reason="length"), Choice(finish_reason="stop"))
    assert (reply.finish_reason, reply.message.tool_calls[0].arguments) == ("length", "")


def test_an_unused_choice_does_not_count() -> None:
    reply = read(
        Choice(index=0, delta=call("a")),
        Choice(index=1, delta=call("b")),
        Choice(index=0, finish_reason="tool_calls"),
        Choice(index=1, finish_reason="length"),
    )
    assert reply.finish_reason == "tool_calls"
    assert [each.name for each in reply.message.tool_calls] == ["a"]


def test_a_choice_whose_calls_are_used_counts() -> None:
    reply = read(
        Choice(index=0, delta={"content": "I look."}),
        Choice(index=1, delta=call("b")),
        Choice(index=0, finish_reason="stop"),
        Choice(index=1, finish_reason="length"),
    )
    assert (reply.message.text, reply.finish_reason, len(reply.message.tool_calls)) == ("I look.", "length", 1)


def test_a_choice_that_is_not_the_first_speaks_if_no_other_does() -> None:
    reply = read(Choice(index=3, delta={"content": "hi", "x": 1}), Choice(index=3, finish_reason="stop"))
    assert (reply.message.text, reply.message.extra, reply.finish_reason) == ("hi", {"x": 1}, "stop")


def test_a_reply_without_anything_is_blank() -> None:
    reply = PartialReply()
    assert reply.is_blank
    reply.add(Chunk(choices=[Choice(delta={"role": "assistant", "content": ""})]))
    assert reply.is_blank
    reply.add(Chunk(choices=[Choice(finish_reason="stop")]))
    assert not reply.is_blank
    assert reply.complete({}, model="m", attempts=1).finish_reason == "empty"


def test_choices_are_bounded() -> None:
    reply = PartialReply()
    with pytest.raises(ServiceError, match="too many choices"):
        reply.add(Chunk(choices=[Choice() for _ in range(200)]))
