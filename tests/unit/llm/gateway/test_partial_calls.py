"""Calls in pieces; how servers mark them is played in tests/wires."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.errors import ServiceError
from journeyman.events.messages import ToolCall
from journeyman.llm.gateway.partial_calls import PartialCalls, distinct


def complete(*pieces: Any, ended_well: bool = True) -> list[ToolCall]:
    calls = PartialCalls(("now", "lookup"))
    for piece in pieces:
        calls.add(piece)
    return calls.complete(ended_well=ended_well)


def test_many_pieces_are_joined_once() -> None:
    pieces = [{"index": 0, "function": {"arguments": "x" * 10}} for _ in range(1000)]
    [call] = complete(
        [{"index": 0, "id": "a", "function": {"name": "now", "arguments": '{"a": "'}}], *([p] for p in pieces)
    )
    assert call.arguments == '{"a": "' + "x" * 10_000


def test_a_call_of_an_incomplete_reply_keeps_its_arguments() -> None:
    assert complete([{"id": "a", "function": {"name": "now"}}], ended_well=False) == [ToolCall("a", "now", "")]


@pytest.mark.parametrize("entries", [[3], "x", [{"function": 7}], [{"id": "a"}], [{"x": 1}]])
def test_what_is_no_call(entries: Any) -> None:
    with pytest.raises(ServiceError, match=r"tool.call"):
        complete(entries)


def test_an_entry_that_says_nothing_is_none() -> None:
    assert complete([{"index": 0, "function": {"name": "", "arguments": ""}}, None, {}]) == []


def test_fields_of_the_call_and_of_its_function_are_kept() -> None:
    [call] = complete(
        [{"index": 0, "id": "a", "type": "custom", "x": [], "function": {"name": "now", "y": ""}}],
        [{"index": 0, "function": {"arguments": "{}", "y": "z"}}],
    )
    assert call == ToolCall("a", "now", "{}", extra={"type": "custom", "x": [], "function": {"y": "z"}})


def test_checks_of_open_arguments_are_bounded() -> None:
    header = {"index": 0, "id": "a", "function": {"name": "now", "arguments": '{"a": "}'}}
    pieces = [[{"index": 0, "function": {"arguments": "{}"}}] for _ in range(5000)]
    [call] = complete([header], *pieces)
    assert call.arguments == '{"a": "}' + "{}" * 5000


def test_distinct_ids() -> None:
    calls = [ToolCall(call_id, "now", "{}") for call_id in ("a", "a", "", "a_2")]
    assert [call.id for call in distinct(calls)] == ["a", "a_2", "call_3", "a_2_2"]
