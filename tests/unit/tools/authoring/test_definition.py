"""What the code says of a tool, checked."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.errors import ToolValidationError
from journeyman.tools.authoring.definition import Declared, ToolDeclaration, declaration_of


@pytest.mark.parametrize(
    ("policy", "fault"),
    [
        ({"name": "a b"}, "a tool's name is"),
        ({"effects": "some"}, "effects is one of none, idempotent, once"),
        ({"approval": " "}, "approval is never, always or a condition"),
        ({"timeout_seconds": 0}, "timeout_seconds is a number above 0"),
        ({"retries": -1}, "retries is 0 or more"),
        ({"retries": 1}, "retries need effects none or idempotent"),
        ({"output_cap": 0}, "output_cap is"),
        ({"limits": {"teapots": 1}}, "limits are a mapping of"),
        ({"limits": {"memory_mb": 0}}, "each of limits is"),
        ({"cache_ttl": True}, "cache_ttl is a number"),
        ({"cache_ttl": 60}, "cache_ttl needs effects none"),
        ({"permissions": {"planets": []}}, "planets"),
    ],
)
def test_a_policy_that_cannot_be_meant(policy: dict[str, Any], fault: str) -> None:
    with pytest.raises(ToolValidationError, match=fault):
        ToolDeclaration(**{"name": "look", **policy}).refuse_nonsense()


def test_policies_that_can() -> None:
    ToolDeclaration(name="look", effects="idempotent", retries=2, limits={"memory_mb": 64}).refuse_nonsense()
    ToolDeclaration(name="look", effects="none", cache_ttl="default").refuse_nonsense()


def test_a_class_says_it_by_its_attributes() -> None:
    class Look(Declared):
        name = "look"
        effects = "none"
        cache_ttl = 60

    assert Look().definition() == ToolDeclaration(name="look", effects="none", cache_ttl=60)


def test_a_function_that_is_no_tool_has_none() -> None:
    assert declaration_of(print) is None
