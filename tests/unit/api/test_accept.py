"""When a client wants a stream: the Accept header by its grammar."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.api.accept import wants_stream


@pytest.mark.parametrize(
    "accept",
    [
        b"text/event-stream",
        b"Text/Event-Stream",
        b"text/event-stream;charset=utf-8",
        b"application/json, text/event-stream",
        b"text/event-stream, */*;q=0.1",
        b"text/event-stream;q=0.5, application/json;q=0.4",
        b"text/event-stream; Q=1.000 , application/*",
        b"text/*",
        b"text/*, application/json;q=0.9",
        b'application/json;q=0.2;x="a, text/html", text/event-stream;q=0.3',
        b"text/event-stream, garbage, ;;",
    ],
)
def test_a_stream_is_wanted(accept: bytes) -> None:
    assert wants_stream(accept)


@pytest.mark.parametrize(
    "accept",
    [
        b"",
        b"*/*",
        b"application/json",
        b"text/html, */*;q=0.8",
        b"text/event-stream;q=0",
        b"text/event-stream;q=0, */*",
        b"application/json, text/event-stream;q=0.5",
        b"application/json, text/event-stream ; q = 0.0",
        b'application/json;profile="text/event-stream"',
        b'application/json;x=", text/event-stream, "',
        b"xtext/event-stream",
        b"text/event-streams",
        b"text/*;q=0.5, application/*",
        b"text",
    ],
)
def test_json_is_wanted(accept: bytes) -> None:
    assert not wants_stream(accept)


@given(st.binary(max_size=200))
def test_any_bytes_are_read(junk: bytes) -> None:
    assert wants_stream(b"text/" + junk) in (True, False)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_the_larger_weight_decides(stream: int, json: int) -> None:
    accept = b"application/json;q=%.3f, text/event-stream;q=%.3f" % (json / 1000, stream / 1000)
    assert wants_stream(accept) == (stream > json or stream == json > 0)


@pytest.mark.parametrize("text", [b'text/"', b"text/;q=", b"text/,", b'text/a;"\\', b"text/ ", b"text/;q=0 "])
def test_a_long_header_takes_linear_time(text: bytes) -> None:
    started = time.process_time()
    wants_stream(text * (65_536 // len(text)))
    assert time.process_time() - started < 1
