"""Arguments that are mirrored into HTTP headers."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.tools.mcp.parameter_headers import KEY, header_value, mirrored, parameter_headers


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def marked(token: Any, kind: str = "string") -> dict[str, Any]:
    return {"type": kind, KEY: token}


def test_marked_arguments_become_headers_at_any_depth() -> None:
    wanted = mirrored(schema(region=marked("Region"), place={"type": "object", **schema(zip=marked("Zip", "integer"))}))
    assert wanted == {("region",): "Region", ("place", "zip"): "Zip"}
    headers = parameter_headers(wanted, {"region": "eu", "place": {"zip": 7}})
    assert headers == {"Mcp-Param-Region": "eu", "Mcp-Param-Zip": "7"}
    assert parameter_headers(wanted, {"place": "x"}) == {}
    assert parameter_headers({("on",): "On"}, {"on": True}) == {"Mcp-Param-On": "true"}


@pytest.mark.parametrize(
    "wrong",
    [
        schema(a=marked("two words")),
        schema(a=marked("")),
        schema(a=marked(7)),
        schema(a=marked("A", "object")),
        schema(a=marked("A"), b=marked("a")),
        {"type": "object", "items": {KEY: "A"}},
    ],
)
def test_a_mark_that_may_not_be_there(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=KEY):
        mirrored(wrong)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain text", "plain text"),
        ("ä", "=?base64?w6Q=?="),
        (" a", "=?base64?IGE=?="),
        ("a\nb", "=?base64?YQpi?="),
        ("=?base64?x?=", "=?base64?PT9iYXNlNjQ/eD89?="),
    ],
)
def test_a_header_carries_printable_ascii(text: str, value: str) -> None:
    assert header_value(text) == value
