from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.errors import ServiceError
from journeyman.events.messages import Message, TextPart, ToolCall, Usage, assistant
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
    assert fold(chunk({"content": "\n"}), chunk({}, "stop"), DONE).finish_reason == "empty"
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
        chunk(call(None, "a", "t", '{"x"')),
        chunk(call(None, None, None, ":1}")),
        chunk(call(None, "b", "t")),
        chunk({}, "stop"),
        DONE,
    )
    assert [c.id for c in same_index.message.tool_calls] == ["a", "b"]
    assert no_index.message.tool_calls == (ToolCall("a", "t", '{"x":1}'), ToolCall("b", "t", "{}"))
    repeated_id = fold(chunk(call(0, "a", "t", "{")), chunk(call(0, "a", "t", "}")), DONE)
    assert repeated_id.message.tool_calls == (ToolCall("a", "t", "{}"),)


@pytest.mark.parametrize("index", [True, False])
def test_the_number_of_calls_is_bounded(index):
    pieces = []
    for i in range(1500):  # a name, then the arguments in a piece that says neither
        place = i if index else None
        pieces += [chunk(call(place, f"c{i}", "t", "")), chunk(call(place, "", "", f'{{"n": {i}}}'))]
    reply = fold(*pieces, DONE).message
    assert [each.id for each in reply.tool_calls] == [f"c{i}" for i in range(1024)]
    assert reply.tool_calls[-1].arguments == '{"n": 1023}', "pieces of dropped calls are dropped with them"
    assert reply.dropped_calls == 1500 - 1024


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
        "provider_specific_fields": {"a": "2", "n": None, "b": 3},
    }


def test_a_refusal_streams_as_text():
    assert fold(chunk({"refusal": "no "}), chunk({"refusal": "way"}), chunk({}, "stop")).message.text == "no way"


# --- complete replies


def decode_reply(body, headers, *, model, tools=()):
    decoder = ReplyDecoder(tools, streamed=False)
    decoder.feed(body)
    return decoder.reply(headers, model=model)


def received(message=None, headers=None, finish="stop", **fields):
    choice = {
        "message": {"role": "assistant", "content": "hi"} if message is None else message,
        "finish_reason": finish,
    }
    return decode_reply(json.dumps({"choices": [choice], **fields}).encode(), headers or {}, model="asked")


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
    assert reply.message.extra == {"reasoning_content": "ab", "annotations": [], "audio": None}


@pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": "many", "completion_tokens": -4, "cost": "nan"}])
def test_missing_usage_counts_as_zero(usage):
    assert received(usage=usage).usage == Usage()


def test_ids_are_made_distinct_and_arguments_stay_text():
    function = {"name": "t", "arguments": "{not json"}
    calls = [{"id": call_id, "function": function} for call_id in ("a", "a", "a_2", None, "")]
    calls.append({"id": "b", "function": {"name": "t", "arguments": {"x": 1}}})
    calls.append({"id": "c", "function": {"name": "t"}})
    reply = received({"content": None, "tool_calls": calls}, finish="tool_calls")
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
        ({"code": "context_length_exceeded"}, "gateway_context_length"),
        ({"type": "overloaded_error", "message": "Overloaded"}, "gateway_error"),
        ({"type": "rate_limit_error"}, "gateway_rate_limited"),
        ({"type": "BadRequestError", "message": "no such tool"}, "gateway_rejected"),
    ],
)
def test_an_error_in_place_of_a_reply(error, code):
    with pytest.raises(ServiceError) as caught:
        decode_reply(json.dumps({"error": error}).encode(), {}, model="m")
    assert caught.value.code == code


@pytest.mark.parametrize(
    "error",
    [
        {"object": "Error", "message": "EngineCore died"},
        {"type": "overloaded_error", "message": "Overloaded"},
        {"type": "InternalServerError", "code": 500},
        {"error_type": "validation", "error": "no"},
    ],
)
def test_an_object_that_is_an_error_is_no_chunk(error):
    for body in (json.dumps(error).encode(), b"data: " + json.dumps(error).encode() + b"\n\ndata: [DONE]\n\n"):
        with pytest.raises(ServiceError) as caught:
            decode_reply(body, {}, model="m")
        assert caught.value.code == "gateway_error"
