"""What a schema can cost: counted with each reference written out."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.errors import ValidationError
from journeyman.tools.schema.schema_cost import MOST_LEVELS, cost_of


def counted(schema: dict[str, Any]) -> float:
    return cost_of(schema, len).subschemas


@pytest.mark.parametrize(
    ("schema", "count"),
    [
        ({}, 1),
        ({"properties": {"a": {}, "b": True}}, 3),
        ({"enum": [{"type": "string"}], "default": {"anyOf": [{}, {}]}}, 1),
        ({"properties": {"default": {"anyOf": [{}, {}]}, "enum": {}}}, 5),
        ({"$defs": {"T": {"items": {}}}}, 1),
        ({"anyOf": [{"$ref": "#/$defs/T"}] * 3, "$defs": {"T": {"items": {}}}}, 7),
        ({"properties": {"a": {"$ref": "#"}}}, 2),
        ({"patternProperties": {"a": {}}, "dependentSchemas": {"b": {}}, "if": {}, "then": {}, "not": {}}, 6),
        ({"dependencies": {"a": ["b"], "c": {}}}, 2),
        ({"allOf": [{}], "unevaluatedProperties": False}, 4),
    ],
)
def test_subschemas_are_counted(schema: dict[str, Any], count: int) -> None:
    assert counted(schema) == count


def test_the_most_checks_are_those_of_one_place() -> None:
    each = {"type": "array", "items": {"properties": {name: {"type": "string"} for name in "abcdefgh"}}}
    cost = cost_of({"properties": {"rows": each}}, len)
    assert cost.checks({"rows": [dict.fromkeys("abcdefgh", "x")] * 100}) < 1_000
    assert cost.checks_of_a_pass is None


def test_a_pattern_counts_where_it_is_matched_only() -> None:
    schema = {"properties": {"id": {"pattern": "x" * 4_000}, "text": {"type": "string"}}}
    cost = cost_of(schema, len)
    assert cost.checks({"id": "a", "text": "b" * 100_000}) < 100
    assert cost.checks({"id": "a" * 1_000}) > 9_000


@pytest.mark.parametrize(
    "reference", ["#/nope", "#nope", "#/allOf/7", "#/allOf/x", "http://127.0.0.1:9/x", "file:///x"]
)
def test_a_reference_that_leads_nowhere_is_an_error(reference: str) -> None:
    with pytest.raises(ValidationError, match="not a JSON Schema"):
        counted({"allOf": [{}], "not": {"$ref": reference}})


def test_too_many_levels_are_an_error() -> None:
    chain: dict[str, Any] = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(MOST_LEVELS)}
    with pytest.raises(ValidationError, match="more than 200"):
        counted({"$ref": "#/$defs/a0", "$defs": {**chain, f"a{MOST_LEVELS}": {}}})


KEYWORDS = ["$ref", "$id", "$anchor", "anyOf", "items", "properties", "enum", "pattern", "required", "not"]
LEAVES = st.none() | st.integers() | st.text(max_size=5)
NODES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYWORDS), inner))


@given(NODES)
def test_whatever_looks_like_a_schema_is_counted_or_refused(node: Any) -> None:
    schema = {"properties": {"a": node}, "anyOf": [node]}
    with contextlib.suppress(ValidationError):
        assert counted(schema) >= 1
