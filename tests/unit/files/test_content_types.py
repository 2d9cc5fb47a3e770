"""The bytes of a file say its type, whatever it is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.files.content_types import OCTETS, TEXT, content_type_of


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"GIF89a\x01\x00\x01\x00", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"PK\x03\x04\x14\x00", "application/zip"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"ID3\x04", "audio/mpeg"),
        (b"<html><script>alert(1)</script>", TEXT),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", TEXT),
        ("naïve €".encode(), TEXT),
        ("cut in the middle €".encode()[:-1], TEXT),
        (b"\x00\x01\x02", OCTETS),
        (b"\x89PNG\r\n", OCTETS),
        (b"a\x00b", OCTETS),
        (b"RIFF\x00\x00\x00\x00AVI ", OCTETS),
        (b"", OCTETS),
    ],
)
def test_the_first_bytes_say_the_type(head: bytes, media_type: str) -> None:
    assert content_type_of(head) == media_type


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=4))
def test_no_text_is_taken_for_what_a_browser_would_run(text: str) -> None:
    assert content_type_of(text.encode()) not in ("text/html", "image/svg+xml", "application/javascript")


@given(st.binary(max_size=64))
def test_any_bytes_have_a_type(head: bytes) -> None:
    assert "/" in content_type_of(head)
