"""JSON that a gateway wrote, read leniently."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from journeyman.llm.gateway.json_text import count, read_json_text, storable

ANY = msgspec.json.Decoder(Any)


@pytest.mark.parametrize(
    ("data", "value"),
    [(b'{"a": 1}', {"a": 1}), (b'"a\xff"', "a\ufffd"), (b'"\\ud83d"', "\ud83d"), (b'"\\ud83d\\ude00"', "😀")],
)
def test_invalid_text_is_repaired(data: bytes, value: object) -> None:
    assert read_json_text(data, ANY) == value


@pytest.mark.parametrize("data", [b"", b"{", b"not json", b"[" * 100_000])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_json_text(data, ANY)


def test_another_type_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="int"):
        read_json_text(b'"a"', msgspec.json.Decoder(int))


def test_what_cannot_be_stored_is_dropped() -> None:
    given = {"a\x00": ["half \ud83d", math.inf, math.nan, 1.5, None]}
    assert storable(given) == {"a": ["half \ufffd", None, None, 1.5, None]}
    deep: Any = 1
    for _ in range(120):
        deep = [deep]
    assert "1" not in str(storable(deep))


@pytest.mark.parametrize(
    ("value", "tokens"),
    [(3, 3), (3.9, 3), (-1, 0), (True, 1), ("3", 3), ("3.5", 0), (1 << 60, 0), (None, 0), (math.inf, 0), (math.nan, 0)],
)
def test_a_number_of_tokens_is_never_negative(value: object, tokens: int) -> None:
    assert count(value) == tokens
