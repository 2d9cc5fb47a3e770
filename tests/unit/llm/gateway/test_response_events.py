from __future__ import annotations

from journeyman.llm.gateway.response_events import event_decoder, response_decoder


def test_an_event_is_read_as_far_as_it_is_known() -> None:
    event = event_decoder.decode(b'{"type":"response.output_text.delta","delta":"hi","sequence_number":4,"new":[1]}')
    assert (event.type, event.delta, event.item_id) == ("response.output_text.delta", "hi", None)


def test_a_response_keeps_every_field() -> None:
    assert response_decoder.decode(b'{"status":"completed","new":[1]}') == {"status": "completed", "new": [1]}
