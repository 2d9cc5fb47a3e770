from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agent_files.document import SourceLocation, YamlPath
from journeyman.agent_files.foreign_json import JsonPlaces, parse_json
from journeyman.agent_files.foreign_yaml import ForeignYaml

TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufffe\uffff"), max_size=8
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXTS | st.sampled_from('{}[],:"\\'), inner, max_size=4)
    ),
    max_leaves=12,
)


def paths(value: Any, path: YamlPath = ()) -> list[YamlPath]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(below for key, item in items for below in paths(item, (*path, key)))]


@given(VALUES, st.sampled_from([None, 0, 2]))
def test_it_reads_what_yaml_reads_and_finds_the_same_places(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    reader = ForeignYaml("f", text, "", [])
    reader.read()
    assert parse_json(text) == reader.places.root
    places = JsonPlaces(text)
    for path in paths(value):
        for key in (True, False):
            assert places.find(path, key=key) == reader.places.find(path, key=key), path


@pytest.mark.parametrize(
    "number", ["9223372036854775807", "9223372036854775808", "-9223372036854775809", f"1{'0' * 30}"]
)
def test_whole_numbers_of_any_size_are_exact(number: str) -> None:
    assert parse_json(f"[{number}]") == [int(number)]


def test_numbers_that_nothing_can_hold() -> None:
    read: Any = parse_json(f"[1e30, -1E-400, 1e999, 1{'0' * 60}, 1{'0' * 400}, 1{'0' * 5000}]")
    assert read == [1e30, 0.0, "1e999", 1e60, f"1{'0' * 400}", f"1{'0' * 5000}"]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        "[" * 66 + "]" * 66,
        "[" * 100_000,
        '["\\ud800"]',
        '["\\u0000"]',
        '["\\\\ud83d\\ude00"]',
        "[1,]",
        "{'a': 1}",
        "[" + "1," * 1_000_000 + "1]",
    ],
)
def test_what_is_not_in_order_is_left_to_yaml(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


def test_a_part_that_is_not_there_has_no_place() -> None:
    places = JsonPlaces(' {"a": [1, {}], "b": []}')
    for path in [("c",), ("a", 2), ("a", 0, "x"), ("a", 1, "x"), ("b", 0), ("a", "0")]:
        assert places.find(path, key=False) is None
    assert places.find(("a", 1), key=False) == SourceLocation(1, 12)
