"""Pieces of fields that are kept for the provider."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.llm.gateway.opaque_fields import OpaqueFields, merged


def joined(key: str, *pieces: Any) -> Any:
    fields = OpaqueFields()
    for piece in pieces:
        fields.add(key, piece)
    return fields.joined()[key]


@pytest.mark.parametrize(
    ("key", "pieces", "value"),
    [
        ("reasoning", ("a", None, "b"), "ab"),
        ("reasoning_content", (None, ""), ""),
        ("reasoning_text", ("a", "b"), "ab"),  # GitHub Copilot
        ("provider", ("x", "x"), "x"),
        ("provider", ("x", "y"), "y"),
        ("reasoning", ("a", {"b": 1}), {"b": 1}),
        ("x", (None,), None),
        ("x", (1, None, 2), 2),
        ("x", ({"text": "a", "n": 1}, {"text": "b", "n": 2}), {"text": "ab", "n": 2}),
        ("x", ([1], [1]), [1]),
        ("x", ([1], [1, 2]), [1, 2]),
        ("x", ([1], [2]), [1, 2]),
        (
            "x",
            ([{"index": 0, "data": "A"}], [{"index": 1, "data": "B"}, {"index": 0, "data": "C"}]),
            [{"index": 0, "data": "AC"}, {"index": 1, "data": "B"}],
        ),
        (
            "x",
            ([{"type": "a", "index": 0, "text": "A"}], [{"type": "b", "index": 0, "data": "B"}]),
            [{"type": "a", "index": 0, "text": "A"}, {"type": "b", "index": 0, "data": "B"}],
        ),
        (
            "x",
            ([{"type": "e", "id": "1", "index": 0, "data": "A"}], [{"type": "e", "id": "2", "index": 0, "data": "B"}]),
            [{"type": "e", "id": "1", "index": 0, "data": "A"}, {"type": "e", "id": "2", "index": 0, "data": "B"}],
        ),
        (
            "x",
            (
                [{"type": "t", "thinking": "a"}],
                [{"type": "t", "thinking": "b", "signature": "s"}],
                [{"type": "t", "thinking": "c"}],
            ),
            [{"type": "t", "thinking": "ab", "signature": "s"}, {"type": "t", "thinking": "c"}],
        ),
    ],
)
def test_pieces_of_a_field(key: str, pieces: tuple[Any, ...], value: Any) -> None:
    assert joined(key, *pieces) == value


def test_what_nests_too_deep_is_replaced() -> None:
    one: Any = {"a": 1}
    other: Any = {"b": 2}
    for _ in range(5000):
        one, other = {"x": one}, {"x": other}
    assert merged("x", one, other)["x"] is not None
