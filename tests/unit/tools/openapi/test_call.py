from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.errors import ToolValidationError
from journeyman.tools.openapi.call import prepare
from journeyman.tools.openapi.operation import Operation
from journeyman.tools.openapi.parameters import Parameter

BASE = "https://api.example:8443/v1"


def parameter(place: str, style: str = "", explode: bool = False, name: str = "p") -> Parameter:
    style = style or ("form" if place == "query" else "simple")
    return Parameter(
        name=name,
        argument=name,
        location=place,
        style=style,
        explode=explode,
        required=False,  # type: ignore[arg-type]
    )


def url(value: Any, place: str, style: str = "", explode: bool = False) -> str:
    path = "/a/{p}" if place == "path" else "/a"
    operation = Operation(id="op", method="GET", path=path, parameters=(parameter(place, style, explode),))
    return prepare(operation, BASE, {"p": value}).url.removeprefix(f"{BASE}/a")


@pytest.mark.parametrize(
    ("value", "place", "style", "explode", "expected"),
    [
        ("a/b?c#d%2e", "path", "", False, "/a%2Fb%3Fc%23d%252e"),
        ("..;", "path", "", False, "/..%3B"),
        (["a,b", 1], "path", "", False, "/a%2Cb,1"),
        ({"k": "v"}, "path", "", False, "/k,v"),
        ({"k": "v"}, "path", "", True, "/k=v"),
        (True, "query", "", True, "?p=true"),
        (5.0, "query", "", True, "?p=5"),
        (0.5, "query", "", True, "?p=0.5"),
        ("a b&c=d+é", "query", "", True, "?p=a%20b%26c%3Dd%2B%C3%A9"),
        (["a", "b"], "query", "", True, "?p=a&p=b"),
        (["a", "b"], "query", "", False, "?p=a,b"),
        (["a", "b"], "query", "spaceDelimited", False, "?p=a%20b"),
        (["a", "b"], "query", "pipeDelimited", False, "?p=a%7Cb"),
        ([], "query", "", False, ""),
        ({"k&": "v"}, "query", "", True, "?k%26=v"),
        ({"k": "v", "l": 1}, "query", "", False, "?p=k,v,l,1"),
        ({"k]": "v", "l": {"m": 1}}, "query", "deepObject", True, "?p%5Bk%5D%5D=v&p%5Bl%5D=%7B%22m%22%3A1%7D"),
        ({"k": [1]}, "query", "json", False, "?p=%7B%22k%22%3A%5B1%5D%7D"),
        (None, "query", "", True, ""),
    ],
)
def test_every_style_is_written_as_the_specification_says(
    value: Any, place: str, style: str, explode: bool, expected: str
) -> None:
    assert url(value, place, style, explode) == expected


@pytest.mark.parametrize("value", ["", ".", "..", None, []])
def test_a_path_keeps_its_shape(value: Any) -> None:
    with pytest.raises(ToolValidationError, match="p: "):
        url(value, "path")


def test_two_values_of_one_segment_cannot_join_to_a_step_up() -> None:
    parameters = (parameter("path", name="p"), parameter("path", name="q"))
    operation = Operation(id="op", method="GET", path="/a/{p}{q}/b", parameters=parameters)
    with pytest.raises(ToolValidationError):
        prepare(operation, BASE, {"p": ".", "q": "."})


def test_an_address_has_a_longest() -> None:
    with pytest.raises(ToolValidationError, match="longer than 8192"):
        url("x" * 9000, "query")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "ä", "\x00", "x" * 5000])
def test_headers_carry_printable_ascii(value: str) -> None:
    operation = Operation(id="op", method="GET", path="/", parameters=(parameter("header"),))
    assert prepare(operation, BASE, {"p": ["a", 1]}).headers == {"p": "a,1"}
    with pytest.raises(ToolValidationError, match="printable ASCII"):
        prepare(operation, BASE, {"p": value})


TEXTS = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["..", "../..", "//evil.example", "@evil", "?a#b", "%2e%2e", "\\"]
)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


QUERY_STYLES = st.sampled_from(["form", "spaceDelimited", "pipeDelimited", "deepObject", "json"])


@given(path=VALUES, query=VALUES, style=QUERY_STYLES, explode=st.booleans())
def test_no_value_leaves_its_place(path: Any, query: Any, style: str, explode: bool) -> None:
    parameters = (parameter("path", explode=explode, name="p"), parameter("query", style, explode, name="q"))
    operation = Operation(id="op", method="GET", path="/a/{p}/b", parameters=parameters)
    try:
        made = prepare(operation, BASE, {"p": path, "q": query}).url
    except ToolValidationError:
        return
    parts = urlsplit(made)
    assert made.startswith(f"{BASE}/a/")
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example:8443", "")
    segments = parts.path.split("/")
    assert len(segments) == 5
    assert segments[4] == "b"
    assert segments[3] not in ("", ".", "..")
    assert made.isascii()
    assert made.isprintable()
    if isinstance(path, str):
        assert unquote(segments[3]) == path.encode(errors="replace").decode()
    if isinstance(query, str) and style != "json":
        expected = query.encode(errors="replace").decode()
        assert parse_qsl(parts.query, keep_blank_values=True) == [("q", expected)]
