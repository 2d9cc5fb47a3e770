"""Findings about the arguments of a tool."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from journeyman import tool
from journeyman.tools.lint.checks import Linter
from journeyman.tools.lint.rules.arguments import argument_hits
from journeyman.tools.schema.describe import describe


def found(function: Any) -> list[tuple[str, str, str]]:
    described = describe(tool(effects="none")(function))
    line = int(described.spec.source.rpartition(":")[2])
    findings = Linter(Path(__file__).parent).findings(described.spec, Path(__file__), line)
    return [(each.rule, each.severity, each.message) for each in findings if each.rule.startswith("JM7")]


def test_names_outside_of_ascii_are_warned_of() -> None:
    async def measure(größe: int, 名前: str, size: int) -> int:
        return size

    assert found(measure) == [
        ("JM701", "warning", "the argument 'größe' has a name outside of ASCII"),
        ("JM701", "warning", "the argument '名前' has a name outside of ASCII"),
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_default_that_is_no_number_is_warned_of(value: float) -> None:
    async def scale(ratio: float = value, other: float | None = value, text: str = "NaN", sound: float = 1.5) -> None:
        pass

    assert found(scale) == [
        ("JM702", "warning", "the default of the argument 'ratio' is no number"),
        ("JM702", "warning", "the default of the argument 'other' is no number"),
    ]


def test_a_schema_that_travelled_as_json_has_null_in_its_place() -> None:
    either = [{"type": "number"}, {"type": "null"}]
    sound: dict[str, Any] = {"a": {"type": "number"}, "b": {"anyOf": either, "default": None}}
    assert list(argument_hits({"properties": sound}, 1)) == []
    (hit,) = argument_hits({"properties": {"a": {"type": "number", "default": None}}}, 3)
    assert (hit.rule, hit.line) == ("JM702", 3)
    assert list(argument_hits({}, 1)) == []
