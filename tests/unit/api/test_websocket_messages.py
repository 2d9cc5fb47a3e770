"""Commands that a WebSocket takes, and frames that it sends."""

from __future__ import annotations

import msgspec
import pytest

from journeyman.api.websocket_messages import Acknowledged, Command, Refused, Start, Subscribe, encode_frame
from journeyman.events.codec import Codec, Entry
from journeyman.events.events import RunFinished
from journeyman.runtime.engine.frames import Delta

DECODER = msgspec.json.Decoder(Command)


def test_the_type_names_the_command() -> None:
    assert isinstance(DECODER.decode(b'{"type":"start","id":"1","user_input":"hi"}'), Start)
    assert DECODER.decode(b'{"type":"subscribe","id":"1","run_id":"run_1"}') == Subscribe(
        id="1", run_id="run_1", after=0
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"fly","id":"1"}',
        '{"type":"cancel","id":"","run_id":"run_1"}',
        '{"type":"cancel","id":"1"}',
        '{"type":"cancel","id":"1","run_id":"run_1","more":1}',
        '{"type":"subscribe","id":"1","run_id":"run_1","after":-1}',
        '{"type":"resume","id":"1","run_id":"run_1","answers":[]}',
        '{"type":"input","id":"1","run_id":"run_1","text":""}',
        '{"type":"cancel","id":"1","run_id":"a b"}',
    ],
)
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        DECODER.decode(text)


def test_replies_name_the_command_and_nothing_that_is_not_so() -> None:
    assert msgspec.json.encode(Acknowledged("1")) == b'{"type":"ack","id":"1"}'
    refused = msgspec.json.decode(msgspec.json.encode(Refused(None, "No.", "invalid_json", "err_1", 400)))
    assert refused == {
        "type": "error",
        "id": None,
        "error": "No.",
        "code": "invalid_json",
        "error_id": "err_1",
        "status": 400,
    }


def test_a_live_frame_names_its_run() -> None:
    frame = msgspec.json.decode(encode_frame("run_1", Delta("m1", 1, 0, "so")))
    assert frame == {"run_id": "run_1", "type": "delta", "call": "m1", "attempt": 1, "offset": 0, "text": "so"}


def test_a_stored_event_is_sent_in_its_wire_form() -> None:
    draft = Codec().draft(RunFinished(output="done"))
    entry = Entry("run_1", 7, draft.type, draft.v, 0, draft.data)
    frame = msgspec.json.decode(encode_frame("run_1", entry))
    assert (frame["run_id"], frame["seq"], frame["type"], frame["data"]) == (
        "run_1",
        7,
        "run_finished",
        {"output": "done"},
    )


def test_an_answer_may_be_as_long_as_any_text_of_a_body() -> None:
    text = "x" * 500_000
    assert DECODER.decode(msgspec.json.encode({"type": "input", "id": "1", "run_id": "r", "text": text})).text == text
