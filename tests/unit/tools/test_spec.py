"""The policy that follows from a spec's fields."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.tools.spec import ToolSpec, Unanswered


def spec(**changes: Any) -> ToolSpec:
    return ToolSpec(name="look", description="Look.", parameters={"type": "object"}, **changes)


def test_a_tool_that_says_nothing_counts_as_once() -> None:
    assert (spec().effects, spec().declared, spec().on_unknown, spec().approval) == ("once", False, "tell", "never")


@pytest.mark.parametrize(
    ("changes", "cacheable", "waits"),
    [
        ({}, False, False),
        ({"effects": "none", "cache_ttl": 60.0}, True, True),
        ({"effects": "none", "cache_ttl": "default"}, True, True),
        ({"effects": "once", "cache_ttl": 60.0}, False, False),
        ({"isolation": "process"}, False, True),
    ],
)
def test_what_may_be_kept_and_what_may_wait(changes: dict[str, Any], cacheable: bool, waits: bool) -> None:
    assert (spec(**changes).cacheable, spec(**changes).waits) == (cacheable, waits)


def test_permissions_are_those_of_its_fields() -> None:
    allowed = spec(permissions_network=("x.example",), permissions_env=("KEY",)).permissions
    assert (allowed.network, allowed.files, allowed.env) == (("x.example",), None, ("KEY",))


def test_a_tools_except_exception_does_not_catch_a_question() -> None:
    assert not issubclass(Unanswered, Exception)
