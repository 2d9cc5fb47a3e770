from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman.errors import ServiceError
from journeyman.llm.client import ModelReply
from journeyman.llm.gateway.responses_decoder import ResponsesDecoder

TEXT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi", "annotations": []}]}
WHOLE = {"object": "response", "status": "completed", "model": "gpt", "output": [TEXT]}


def read(body: bytes, streamed: bool = False) -> ModelReply:
    decoder = ResponsesDecoder(streamed=streamed)
    for place in range(0, len(body), 7):
        decoder.feed(body[place : place + 7])
    return decoder.reply({}, model="asked")


def events(*all_of_them: Any) -> bytes:
    return "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in all_of_them).encode()


def test_whole_streamed_and_without_an_event_around_it() -> None:
    reply = read(json.dumps(WHOLE).encode())
    assert (reply.message.text, reply.model, reply.finish_reason) == ("hi", "gpt", "stop")
    assert read(b"\xef\xbb\xbf" + json.dumps(WHOLE).encode()) == reply
    assert read(events({"type": "response.completed", "response": WHOLE}), streamed=True) == reply
    assert read(events(WHOLE), streamed=True) == reply
    assert read(events({"type": "response.completed", "response": WHOLE}) + b"data: [DONE]\n\n") == reply


def test_nothing_is_read_after_the_last_event() -> None:
    decoder = ResponsesDecoder()
    assert decoder.feed(events({"type": "response.output_text.delta", "delta": "hi"})) == "hi"
    assert not decoder.done
    late = {"type": "response.output_text.delta", "delta": "late"}
    assert decoder.feed(events({"type": "response.completed", "response": WHOLE}, late)) == ""
    assert decoder.done


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (events({"type": "response.output_text.delta", "delta": "hi"}), "gateway_cut_stream"),
        (events({"type": "error", "code": "rate_limit_exceeded", "message": "slow"}), "gateway_rate_limited"),
        (events({"type": "error", "error": {"code": "context_length_exceeded"}}), "gateway_context_length"),
        (events({"object": "error", "code": 503, "message": "busy"}), "gateway_error"),
        (b"event: error\ndata: busy\n\n", "gateway_error"),
        (events({"type": "response.failed", "response": {"error": {"code": "server_error"}}}), "gateway_error"),
        (b"data: {garbage\n\n", "gateway_bad_reply"),
        (b'{"error": {"code": "insufficient_quota"}}', "gateway_no_credit"),
        (b'{"object": "chat.completion", "choices": []}', "gateway_bad_reply"),
        (b'{"status": "comp', "gateway_bad_reply"),
        (b"[1]", "gateway_bad_reply"),
        (b"<html>", "gateway_bad_reply"),
        (b"", "gateway_cut_stream"),
    ],
)
def test_what_is_no_response_is_a_failure(body: bytes, code: str) -> None:
    with pytest.raises(ServiceError) as caught:
        read(body, streamed=True)
    assert caught.value.code == code


def test_a_stream_that_ends_with_done_alone_has_no_known_end() -> None:
    body = events({"type": "response.output_item.done", "output_index": 0, "item": TEXT}) + b"data: [DONE]\n\n"
    assert read(body).finish_reason == "unknown"
