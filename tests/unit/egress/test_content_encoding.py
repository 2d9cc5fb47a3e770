"""Answers that come compressed unasked."""

from __future__ import annotations

import gzip
import zlib

import pytest

from journeyman.egress.content_encoding import decompressor

TEXT = b'{"a": 1}' * 1000


def read(encoding: str, *pieces: bytes) -> bytes:
    inflate = decompressor({"content-encoding": encoding})
    assert inflate is not None
    return b"".join(part for piece in pieces for part in inflate.feed(piece))


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(TEXT)), ("X-GZIP", gzip.compress(TEXT)), ("deflate", zlib.compress(TEXT))],
    ids=["gzip", "X-GZIP", "deflate"],  # gzip's bytes hold the time, and every process must give a test the same name
)
def test_any_cut_gives_the_text(encoding: str, body: bytes) -> None:
    assert read(encoding, body) == TEXT
    assert read(encoding, *(body[i : i + 1] for i in range(len(body)))) == TEXT


def test_several_members_and_padding() -> None:
    assert read("gzip", gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"
    assert read("gzip", gzip.compress(b"a") + b"\0\0") == b"a"


def test_what_is_not_compressed_is_passed_on() -> None:
    assert read("gzip", b'{"a"', b": 1}") == b'{"a": 1}'
    assert decompressor({}) is None
    assert decompressor({"content-encoding": "identity"}) is None


def test_a_small_body_does_not_become_huge_at_once() -> None:
    inflate = decompressor({"content-encoding": "gzip"})
    assert inflate is not None
    sizes = [len(piece) for piece in inflate.feed(gzip.compress(b"\0" * (5 << 20)))]
    assert (sum(sizes), max(sizes)) == (5 << 20, 1 << 20)


def test_damage_and_other_encodings() -> None:
    with pytest.raises(ValueError, match="Error"):
        read("gzip", b"\x1f\x8b\xff\xff\xff")
    with pytest.raises(ValueError, match="br"):
        decompressor({"content-encoding": "br"})
