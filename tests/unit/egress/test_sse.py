"""Server-sent events: every line end, every cut into pieces, and what the standard says of the fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.egress.sse import SseEvent, SseReader

STREAM = (
    "\ufeffdata: first\n\n"
    ": a comment\n\n"
    "event: note\nid: 7\nretry: 250\ndata: two\ndata: lines\n\n"
    "data:no space\ndata:  two spaces\n\n"
    "data\n\n"
    "id: 8\n\n"
    "other: field\ndata: äöü😀\n\n"
)
EVENTS = [
    SseEvent(b"first"),
    SseEvent(b"two\nlines", "note", "7", 250),
    SseEvent(b"no space\n two spaces"),
    SseEvent(b""),
    SseEvent(None, id="8"),
    SseEvent("äöü😀".encode()),
]


def read(*pieces: bytes, limit: int = 1000) -> list[SseEvent]:
    reader = SseReader(limit)
    return [event for piece in pieces for event in reader.feed(piece)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@given(cuts=st.lists(st.integers(0, 150), max_size=20).map(sorted))
def test_any_line_end_and_any_cut_give_the_same_events(end: str, cuts: list[int]) -> None:
    data = STREAM.replace("\n", end).encode()
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert read(*pieces) == EVENTS


def test_byte_by_byte() -> None:
    data = STREAM.replace("\n", "\r\n").encode()
    assert read(*(data[i : i + 1] for i in range(len(data)))) == EVENTS


def test_mixed_line_ends() -> None:
    assert read(b"data: a\r", b"\ndata: b\n\r", b"data: c\r\r") == [SseEvent(b"a\nb"), SseEvent(b"c")]


def test_a_byte_order_mark_counts_only_at_the_start() -> None:
    assert read("\ufeffdata: a\n\n\ufeffdata: b\n\n".encode()) == [SseEvent(b"a"), SseEvent(None)]


def test_an_event_without_an_end_comes_only_when_it_is_asked_for() -> None:
    reader = SseReader(100)
    assert list(reader.feed(b"data: a\n\nevent: x\ndata: b")) == [SseEvent(b"a")]
    assert reader.finish() == SseEvent(b"b", "x")
    assert reader.finish() is None
    assert SseReader(10).finish() is None


def test_an_event_has_a_largest_size_and_comments_have_none() -> None:
    reader = SseReader(20)
    assert list(reader.feed(b": keep-alive\n\n" * 100)) == []
    assert list(reader.feed(b"data: " + b"x" * 14 + b"\n\n")) == [SseEvent(b"x" * 14)]
    with pytest.raises(ValueError, match="larger than it may be"):
        reader.feed(b"data: " + b"x" * 15)
    with pytest.raises(ValueError, match="larger"):
        read(b"data: 0123456789\n", b"data: 0123456789\n", limit=20)


def test_text_that_is_not_utf_8_is_replaced() -> None:
    [event] = read(b"data: a\xffb\n\n")
    assert (event.data, event.text) == (b"a\xffb", "a\ufffdb")
