from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.events.merge_patch import merge_patch, patch_between

# The object cases of RFC 7396, appendix A, and a few of ours.
CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ({"a": 1}, {"a": {"b": None, "c": 2}}, {"a": {"c": 2}}),
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=4,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@pytest.mark.parametrize(("target", "patch", "expected"), CASES)
def test_the_cases_of_the_rfc(target: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before = repr((target, patch))
    assert merge_patch(target, patch) == expected
    assert repr((target, patch)) == before


@settings(max_examples=25, deadline=None)
@given(objects, objects)
def test_a_patch_applied_twice_is_a_patch_applied_once(target: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


@settings(max_examples=150, deadline=None, database=None)
@given(objects, objects)
def test_the_patch_between_two_contexts_leads_from_one_to_the_other(one: dict[str, Any], other: dict[str, Any]) -> None:
    now, then = merge_patch({}, one), merge_patch({}, other)  # as contexts are: without null in objects
    reached = merge_patch(now, patch_between(now, then))
    assert json.dumps(reached, sort_keys=True) == json.dumps(then, sort_keys=True)
    assert patch_between(then, then) == {}
