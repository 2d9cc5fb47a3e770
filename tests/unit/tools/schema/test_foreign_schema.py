"""Schemas of others: refused when they are too costly, and checked within a bound whatever the value is."""

from __future__ import annotations

import resource
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.errors import ValidationError
from journeyman.tools.schema.foreign_schema import MOST_SUBSCHEMAS, ForeignSchema

MOST_SECONDS = 0.010
MOST_BYTES = 10_000_000
SELF = {"$ref": "#/$defs/T"}


def chain(levels: int, width: int = 2) -> dict[str, Any]:
    """Return a schema of references, each level of which is tried twice by the one above."""
    steps: dict[str, Any] = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * width} for n in range(levels)}
    return {"properties": {"x": {"$ref": "#/$defs/a0"}}, "$defs": {**steps, f"a{levels}": {"type": "string"}}}


def cycle(*parts: dict[str, Any], way: str = "anyOf") -> dict[str, Any]:
    """Return a schema that refers to itself in several ways."""
    return {"properties": {"x": SELF}, "$defs": {"T": {way: list(parts)}}}


def nested(levels: int, inner: Any = 1, key: str = "a") -> Any:
    """Return objects in one another."""
    for _ in range(levels):
        inner = {key: inner}
    return inner


def checked(schema: dict[str, Any], value: Any) -> list[Any]:
    """Return the problems of a value, and check what finding them took."""
    compiled = ForeignSchema(schema)
    compiled.refuse_if_costly()
    compiled.problems({"another": 1}, 1)  # what the first call imports and compiles
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = []
    for _ in range(7):  # a garbage collection is not part of it
        began = time.thread_time()
        problems = compiled.problems(value, 10)
        taken.append(time.thread_time() - began)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert min(taken) < MOST_SECONDS, taken
    assert grown < MOST_BYTES, grown
    return problems


COSTLY: list[dict[str, Any]] = [
    chain(13),
    chain(40),
    chain(4, width=20),
    {"properties": {"x": {"pattern": r"^(?!a)"}}},
    {"properties": {"x": {"pattern": r"(a)\1"}}},
    {"patternProperties": {r"(?<=a)b": {}}},
    {"properties": {"x": {"items": {"oneOf": [chain(9), {"not": chain(12)}]}}}, "$defs": chain(12)["$defs"]},
    {"allOf": [{"pattern": "(a{1,99}){1,99}" + str(n)} for n in range(3000)]},
]


@pytest.mark.parametrize("schema", COSTLY)
def test_a_schema_that_is_too_costly_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        ForeignSchema(schema).refuse_if_costly()
    assert raised.value.code == "invalid_schema"
    assert raised.value.message.startswith("too costly to check: ")


def test_a_reference_that_is_shared_counts_each_time() -> None:
    ForeignSchema(chain(12)).refuse_if_costly()
    with pytest.raises(ValidationError, match=f"more than {MOST_SUBSCHEMAS} subschemas"):
        ForeignSchema(chain(13)).refuse_if_costly()


def test_a_cycle_counts_once() -> None:
    ForeignSchema(cycle(*[{"properties": dict.fromkeys("abcdefghij", SELF)}] * 50)).refuse_if_costly()


@pytest.mark.parametrize(
    "reference",
    [
        "#/$defs/T",
        "#here",
        "https://a.test/s#/$defs/T",
        "https://a.test/s#here",
        "part",
        "part#/$defs/U",
        "#/$defs/a%20b",
    ],
)
def test_references_are_followed_in_all_their_forms(reference: str) -> None:
    schema = {
        "$id": "https://a.test/s",
        "properties": {"x": {"$ref": reference}},
        "$defs": {
            "T": {"$anchor": "here", "type": "object"},
            "a b": {"type": "object"},
            "P": {"$id": "part", "type": "object", "$defs": {"U": {"type": "object"}}},
        },
    }
    assert ForeignSchema(schema).problems({"x": {}}, 5) == []
    assert ForeignSchema(schema).problems({"x": 1}, 5)[0].path == ("x",)


KEYS = [f"k{n}" for n in range(2_000)]
HOSTILE: list[tuple[dict[str, Any], Any]] = [
    (chain(12), {"x": 1}),
    (chain(12), {"x": nested(400)}),
    (cycle(*[{"properties": {"a": SELF}, "required": ["a"]}] * 2), {"x": nested(400)}),
    (cycle(*[{"properties": {"a": SELF}, "required": ["b"]}] * 3, way="oneOf"), {"x": nested(400)}),
    (cycle({"properties": {"a": SELF}}, {"patternProperties": {"a": SELF}}, way="allOf"), {"x": nested(400)}),
    (cycle({"additionalProperties": SELF}, {"unevaluatedProperties": SELF}), {"x": nested(100)}),
    (cycle({"items": SELF, "uniqueItems": True}, {"type": "null"}), {"x": [[[1] * 300] * 300] * 5}),
    ({"properties": {"x": {"items": {"anyOf": [{"type": "null"}] * 50}}}}, {"x": [1] * 100_000}),
    ({"properties": {"x": {"items": {"type": "null"}}}}, {"x": [1] * 50_000}),
    ({"properties": {"x": {"enum": [f"v{n}" for n in range(20_000)]}}}, {"x": "no"}),
    ({"properties": {"x": {"items": {"enum": list(range(9000))}}}}, {"x": [-1] * 9000}),
    ({"properties": {"x": {"pattern": "(a|b)*a(a|b){800}c"}}}, {"x": "ab" * 50_000}),
    ({"properties": {"x": {"pattern": "(a+)+$"}}}, {"x": "a" * 10_000 + "b"}),
    ({"properties": {"x": {"propertyNames": {"pattern": "([ab]{1,60}[^b]){1,20}c"}}}}, {"x": {"ab" * 20_000: 1}}),
    ({"additionalProperties": {"type": "null"}}, {f"k{n}": n for n in range(20_000)}),
    (
        {"type": "object", "properties": {f"k{n}": {"type": "null"} for n in range(2_000)}},
        {f"k{n}": n for n in range(2_000)},
    ),
    ({"required": [f"k{n}" for n in range(9_000)]}, {}),
    ({"properties": {"x": SELF}, "$defs": {"T": {"items": SELF}}}, {"x": nested(20_000)}),
]


@pytest.mark.alone
@pytest.mark.parametrize(("schema", "value"), HOSTILE)
def test_a_check_is_bounded(schema: dict[str, Any], value: Any) -> None:
    checked(schema, value)


NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "ab" * 2_000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=30,
)


def grown(value: Any) -> Any:
    """Return a value a hundred times as deep, and a thousand times as long."""
    return {"x": [nested(100, value), {"a": [value] * 1_000}], "a": nested(100, [value] * 10)}


def ways(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return the ways to make one schema of others."""
    some = st.lists(inner, min_size=1, max_size=4)
    members = st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    ones = ["not", "items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "contains", "if"]
    return st.one_of(
        st.tuples(st.sampled_from(["anyOf", "allOf", "oneOf", "prefixItems"]), some).map(lambda pair: dict([pair])),
        st.tuples(st.sampled_from(ones), inner).map(lambda pair: dict([pair])),
        st.tuples(st.sampled_from(["properties", "patternProperties"]), members).map(lambda pair: dict([pair])),
        some.map(lambda parts: {"properties": {"a": parts[0]}, "anyOf": parts, "unevaluatedProperties": False}),
    )


LEAVES = st.one_of(
    st.sampled_from([{"type": "string"}, {"type": "null"}, True, False, {"enum": [1, "a"]}, {"required": ["a"]}]),
    st.sampled_from([{"pattern": "(a|b)*a(a|b){20}c"}, {"pattern": "^a+$"}, {"pattern": "(a*)*b"}]),
    st.sampled_from([{"$ref": f"#/$defs/s{number}"} for number in range(3)] + [{"$ref": "#"}]),
)
PARTS = st.recursive(LEAVES, ways, max_leaves=12)
SCHEMAS = st.fixed_dictionaries(
    {
        "properties": st.dictionaries(st.sampled_from("xab"), PARTS),
        "$defs": st.fixed_dictionaries({f"s{number}": PARTS for number in range(3)}),
    }
)


@pytest.mark.long
@given(SCHEMAS, VALUES)
def test_whatever_is_accepted_is_checked_within_the_bound(schema: dict[str, Any], value: Any) -> None:
    try:
        ForeignSchema(schema).refuse_if_costly()
    except ValidationError:
        return
    checked(schema, value)
    checked(schema, grown(value))
    checked(schema, {"x": value, "a": grown(value)})
