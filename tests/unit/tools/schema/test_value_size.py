"""The size of a JSON value."""

from __future__ import annotations

import pytest

from journeyman.tools.schema.value_size import MOST_LEVELS, MOST_VALUES, ValueSize


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (None, (1, 0, 1)),
        ("text", (1, 4, 1)),
        ([], (1, 0, 1)),
        ({"key": ["a", {"b": 1}]}, (5, 5, 4)),
    ],
)
def test_values_characters_and_levels_are_counted(value: object, size: tuple[int, int, int]) -> None:
    assert ValueSize.of(value) == size


def test_what_is_huge_is_not_counted_to_its_end() -> None:
    deep: list[object] = []
    for _ in range(MOST_LEVELS):
        deep = [deep]
    for value in ([0] * MOST_VALUES, deep):
        assert ValueSize.of(value).values > MOST_VALUES
