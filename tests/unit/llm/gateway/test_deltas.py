from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.errors import ServiceError
from journeyman.events.messages import Message, TextPart, ToolCall, Usage
from journeyman.llm.client import ModelReply
from journeyman.llm.gateway.deltas import ReplyDecoder


def chunk(delta=None, finish=None, **fields) -> bytes:
    body = {"choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **fields}
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def call(index, call_id=None, name=None, arguments=None, **fields):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"tool_calls": [{"index": index, "id": call_id, "function": function, **fields}]}


DONE = b"data: [DONE]\n\n"
FULL = (
    b": ping\r\nevent: message\r\n"
    + chunk({"role": "assistant", "content": ""}, model="gpt")
    + chunk({"reasoning_content": "let me "})
    + chunk({"reasoning_content": "see"})
    + chunk({"content": "Grüße "})
    + b'data:{"choices":[{"delta":{"content":"\\ud83d"}}]}\r\n\r\n'
    + b'data: {"choices":[{"delta":{"content":"\\ude00 \\u0000\\ud800!"}}]}\n\n'
    + chunk(call(0, "a", "add", ""))
    + chunk(call(0, arguments='{"x":'))
    + chunk(call(1, "a", "add", '{"x":2}'))
    + chunk(call(0, arguments="1}"))
    + chunk({}, "tool_calls")
    + b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}\n\n'
    + DONE
)
REPLY = ModelReply(
    message=Message(
        role="assistant",
        content=(TextPart("Grüße \U0001f600 \ufffd!"),),
        tool_calls=(ToolCall("a", "add", '{"x":1}'), ToolCall("a_2", "add", '{"x":2}')),
        extra={"reasoning_content": "let me see"},
    ),
    model="gpt",
    usage=Usage(9, 4),
    finish_reason="tool_calls",
)


def fold(*pieces: bytes) -> ModelReply:
    decoder = ReplyDecoder()
    for piece in pieces:
        decoder.feed(piece)
    return decoder.reply({}, model="asked")


def failure(*pieces: bytes) -> str:
    with pytest.raises(ServiceError) as caught:
        fold(*pieces)
    return caught.value.code


@settings(deadline=None)
@given(st.lists(st.integers(0, len(FULL)), max_size=30).map(sorted))
def test_any_split_into_chunks_gives_the_same_reply(cuts):
    decoder = ReplyDecoder()
    shown = "".join(decoder.feed(FULL[a:b]) for a, b in zip([0, *cuts], [*cuts, len(FULL)], strict=True))
    assert decoder.reply({}, model="asked") == REPLY
    assert shown == REPLY.message.text


def test_byte_by_byte():
    assert fold(*(FULL[i : i + 1] for i in range(len(FULL)))) == REPLY


def test_a_stream_that_ends_early_is_never_taken_as_complete():
    end = FULL.index(b'"finish_reason": "tool_calls"')
    for cut in range(end):
        assert failure(FULL[:cut]) == "gateway_cut_stream"


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_reply_or_a_service_error(data):
    for stream in (data, b"data: " + data + b"\n" + DONE):
        with contextlib.suppress(ServiceError):
            fold(stream)


def test_a_reason_without_done_or_done_without_a_reason_is_an_end():
    assert fold(chunk({"content": "a"}), chunk({}, "stop")).message.text == "a"
    assert fold(chunk({"content": "a"}), b"data: [DONE]").message.text == "a"
    assert fold(chunk({"content": "a"}), chunk({}, "length"), DONE).finish_reason == "length"
    assert fold(chunk({"content": "a"}), DONE, chunk({"content": "late"})).message.text == "a"


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ((), "gateway_cut_stream"),
        ((b": ping\n\n",), "gateway_cut_stream"),
        ((b' {"message": "down"}',), "gateway_bad_reply"),
        ((DONE,), "gateway_bad_reply"),
        ((b"<html>\n<body>down",), "gateway_bad_reply"),
        ((b"data: {oops}\n\n",), "gateway_bad_reply"),
        ((b'data: {"choices": 3}\n\n',), "gateway_bad_reply"),
        ((chunk({"tool_calls": 3}),), "gateway_bad_reply"),
        ((chunk({"tool_calls": [3]}),), "gateway_bad_reply"),
        ((chunk({"tool_calls": [{"function": 3}]}),), "gateway_bad_reply"),
        ((b'data: {"error": {"message": "busy", "code": 429}}\n\n',), "gateway_rate_limited"),
        ((chunk({"content": "a"}), b'event: error\ndata: {"error": "boom"}\n\n'), "gateway_error"),
        ((b"data: " + b'{"choices":' + b"[" * 50_000 + b"\n",), "gateway_bad_reply"),
    ],
)
def test_invalid_streams(pieces, code):
    assert failure(*pieces) == code


def test_the_size_of_a_stream_is_bounded():
    decoder = ReplyDecoder()
    decoder.feed(b"x" * (32 << 20))
    with pytest.raises(ServiceError, match="larger than"):
        decoder.feed(b"x")


def test_calls_are_distinguished_when_all_have_index_zero_or_none():
    same_index = fold(chunk(call(0, "a", "t", "{}")), chunk(call(0, "b", "t", "{}")), chunk({}, "stop"))
    no_index = fold(
        chunk(call(None, "a", "t", '{"x"')), chunk(call(None, None, None, ":1}")), chunk(call(None, "b", "t")), DONE
    )
    assert [c.id for c in same_index.message.tool_calls] == ["a", "b"]
    assert no_index.message.tool_calls == (ToolCall("a", "t", '{"x":1}'), ToolCall("b", "t", "{}"))
    repeated_id = fold(chunk(call(0, "a", "t", "{")), chunk(call(0, "a", "t", "}")), DONE)
    assert repeated_id.message.tool_calls == (ToolCall("a", "t", "{}"),)


def test_the_number_of_calls_is_bounded():
    assert failure(*(chunk(call(i, f"c{i}", "t", "{}")) for i in range(1025)), DONE) == "gateway_bad_reply"


def test_blocks_of_reasoning_are_joined_until_signed():
    def thinking(**fields):
        return chunk({"thinking_blocks": [{"type": "thinking", **fields}]})

    reply = fold(
        thinking(thinking="a", signature=None),
        thinking(thinking="b"),
        thinking(thinking="", signature="s1"),
        thinking(thinking="c", signature="s2"),
        chunk({"reasoning_details": [{"type": "t", "index": 0, "text": "x"}]}),
        chunk({"reasoning_details": [{"type": "t", "index": 1, "text": "z"}, {"type": "t", "index": 0, "text": "y"}]}),
        chunk({"provider_specific_fields": {"a": "1", "n": None}}),
        chunk({"provider_specific_fields": {"a": "2", "b": 3}}),
        chunk({}, "stop"),
    )
    assert reply.message.extra == {
        "thinking_blocks": [
            {"type": "thinking", "thinking": "ab", "signature": "s1"},
            {"type": "thinking", "thinking": "c", "signature": "s2"},
        ],
        "reasoning_details": [{"type": "t", "index": 0, "text": "xy"}, {"type": "t", "index": 1, "text": "z"}],
        "provider_specific_fields": {"a": "12", "n": None, "b": 3},
    }


def test_a_refusal_streams_as_text():
    assert fold(chunk({"refusal": "no "}), chunk({"refusal": "way"}), chunk({}, "stop")).message.text == "no way"
