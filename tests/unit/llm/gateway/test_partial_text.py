"""Text in pieces, and content that is not only text."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.llm.gateway.partial_text import PartialText, content_text

THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}


def added(*pieces: Any) -> PartialText:
    text = PartialText()
    for piece in pieces:
        text.add(piece)
    return text


def test_halves_of_a_surrogate_pair_are_joined() -> None:
    text = added("a\ud83d", "\ude00b", "\ud83d")
    assert text.pieces == ["a", "\U0001f600b"]
    assert text.complete() == "a\U0001f600b\ufffd"


@pytest.mark.parametrize(
    ("pieces", "parts", "text"),
    [
        (("a", "b"), None, "ab"),
        (([{"type": "text", "text": "a"}], ["b"]), None, "ab"),
        (([THINKING, {"type": "text", "text": "a"}],), [THINKING, {"type": "text", "text": "a"}], "a"),
        (("a", [THINKING], "b", "c"), [{"type": "text", "text": "a"}, THINKING, {"type": "text", "text": "bc"}], "abc"),
        ((THINKING,), [THINKING], ""),
        ((7,), None, ""),
    ],
)
def test_parts_are_kept_if_they_are_not_only_text(pieces: tuple[Any, ...], parts: Any, text: str) -> None:
    read = added(*pieces)
    assert (read.parts, read.has_parts, read.complete()) == (parts, parts is not None, text)


def test_complete_messages() -> None:
    text = PartialText()
    for piece in ("Hel", "Hello", " you"):
        text.add_whole(piece)
    assert text.complete() == "Hello you"
    text = added("Hello ")
    text.add_whole("Hello")
    assert text.complete() == "Hello "


@pytest.mark.parametrize(
    ("content", "text"), [(None, ""), ("a", "a"), ([{"type": "refusal", "refusal": "no"}, "b", 3], "nob"), ({}, "")]
)
def test_content_text(content: Any, text: str) -> None:
    assert content_text(content) == text
