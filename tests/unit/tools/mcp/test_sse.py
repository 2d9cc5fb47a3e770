"""Server-sent events, read piece by piece."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.tools.mcp.sse import SseEvent, SseReader

STREAM = b"event: message\r\nid: 7\r\ndata: one\r\ndata: two\r\n\r\n: a comment\n\nretry: 3000\n\ndata:three\n\n"
EVENTS = [SseEvent("one\ntwo", "message", "7"), SseEvent(), SseEvent(retry=3000), SseEvent("three")]


@given(st.lists(st.integers(1, len(STREAM) - 1), unique=True).map(sorted))
def test_events_come_whole_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    reader = SseReader(1000)
    pieces = [STREAM[start:end] for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)]
    assert [event for piece in pieces for event in reader.feed(piece)] == EVENTS


def test_an_event_has_a_largest_size() -> None:
    reader = SseReader(10)
    assert list(reader.feed(b"data: 1\n\n" * 100)) == [SseEvent("1")] * 100
    with pytest.raises(ValueError, match="larger"):
        list(reader.feed(b"data: " + b"x" * 20))
