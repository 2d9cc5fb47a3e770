from __future__ import annotations

from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.errors import ToolValidationError
from journeyman.tools.openapi.forms import MULTIPART, URLENCODED, FieldEncoding, encode_form

DEEP = FieldEncoding(style="deepObject")
JSON_TYPE = FieldEncoding(content_type="application/json")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["a&b=c", "a+b", "%41", "\r\n"]
)


def urlencoded(value: Any, **fields: FieldEncoding) -> str:
    body = encode_form(URLENCODED, fields, value)
    assert body.content_type == URLENCODED
    return body.content.decode()


def parts(value: Any, **fields: FieldEncoding) -> list[str]:
    """Return the parts of a multipart body, each with its head."""
    body = encode_form(MULTIPART, fields, value)
    boundary = body.content_type.partition("; boundary=")[2]
    pieces = body.content.decode().split(f"--{boundary}")
    assert pieces[0] == ""
    assert pieces[-1] == "--\r\n"
    return [piece.removeprefix("\r\n").removesuffix("\r\n") for piece in pieces[1:-1]]


@pytest.mark.parametrize(
    ("value", "encoding", "expected"),
    [
        ("a b&c=d+é", None, "f=a%20b%26c%3Dd%2B%C3%A9"),
        (True, None, "f=true"),
        (5.0, None, "f=5"),
        ("", None, "f="),
        (None, None, ""),
        (["a", None, 1], None, "f=a&f=&f=1"),
        ([{"a": 1}], None, "f=%7B%22a%22%3A1%7D"),
        ([], None, ""),
        ({"a": 1}, None, "f=%7B%22a%22%3A1%7D"),
        (["a"], JSON_TYPE, "f=%5B%22a%22%5D"),
        ("a", JSON_TYPE, "f=%22a%22"),
        (["a", "b"], FieldEncoding(content_type="text/plain"), "f=a&f=b"),
        (["a", "b"], FieldEncoding(style="form"), "f=a&f=b"),
        (["a", "b"], FieldEncoding(style="form", explode=False), "f=a%2Cb"),
        (["a", "b"], FieldEncoding(style="spaceDelimited", explode=False), "f=a%20b"),
        (["a", "b"], FieldEncoding(style="pipeDelimited", explode=False), "f=a%7Cb"),
        ([], FieldEncoding(style="form", explode=False), ""),
        ({"a": 1, "b": 2}, FieldEncoding(style="form"), "a=1&b=2"),
        ({"a": 1, "b": 2}, FieldEncoding(style="form", explode=False), "f=a%2C1%2Cb%2C2"),
        ("x", DEEP, "f=x"),
        ({"a": 1, "b": {"c": [True, {"d": "e"}]}, "n": None}, DEEP,
         "f%5Ba%5D=1&f%5Bb%5D%5Bc%5D%5B0%5D=true&f%5Bb%5D%5Bc%5D%5B1%5D%5Bd%5D=e"),
    ],
)  # fmt: skip
def test_every_field_is_written_as_its_encoding_says(value: Any, encoding: FieldEncoding | None, expected: str) -> None:
    assert urlencoded({"f": value}, **({"f": encoding} if encoding else {})) == expected


@given(st.dictionaries(TEXTS, TEXTS, max_size=5))
def test_a_server_reads_the_fields_that_were_given(fields: dict[str, str]) -> None:
    assert parse_qsl(urlencoded(fields), keep_blank_values=True) == list(fields.items())


def test_the_parts_of_a_multipart_body() -> None:
    assert parts(
        {"text": "a\r\nb", "list": [1, "x"], "object": {"a": 1}, "none": None, "file": "content", "image": "<svg/>"},
        file=FieldEncoding(is_file=True),
        image=FieldEncoding(is_file=True, content_type="image/svg+xml"),
    ) == [
        'Content-Disposition: form-data; name="text"\r\n\r\na\r\nb',
        'Content-Disposition: form-data; name="list"\r\n\r\n1',
        'Content-Disposition: form-data; name="list"\r\n\r\nx',
        'Content-Disposition: form-data; name="object"\r\nContent-Type: application/json\r\n\r\n{"a":1}',
        'Content-Disposition: form-data; name="file"; filename="file"\r\n'
        "Content-Type: application/octet-stream\r\n\r\ncontent",
        'Content-Disposition: form-data; name="image"; filename="image"\r\nContent-Type: image/svg+xml\r\n\r\n<svg/>',
    ]
    assert parts({"a": ["x"], "d": {"k": 1}}, a=JSON_TYPE, d=DEEP) == [
        'Content-Disposition: form-data; name="a"\r\nContent-Type: application/json\r\n\r\n["x"]',
        'Content-Disposition: form-data; name="d[k]"\r\n\r\n1',
    ]
    assert parts({}) == []


def test_the_name_of_a_part_cannot_end_its_head() -> None:
    (part,) = parts({'a"; x="\r\nX-Evil: 1\r\n\r\n': "v"})
    assert part == 'Content-Disposition: form-data; name="a%22; x=%22%0D%0AX-Evil: 1%0D%0A%0D%0A"\r\n\r\nv'


def test_no_part_contains_the_boundary_and_every_attempt_has_the_same() -> None:
    first = encode_form(MULTIPART, {}, {"a": "x"})
    assert encode_form(MULTIPART, {}, {"a": "x"}) == first
    boundary = first.content_type.partition("; boundary=")[2]
    text = f"\r\n--{boundary}--\r\n"
    assert parts({"a": text}) == [f'Content-Disposition: form-data; name="a"\r\n\r\n{text}']


@pytest.mark.parametrize("value", [None, "text", ["a"], 5])
def test_a_form_is_an_object(value: Any) -> None:
    with pytest.raises(ToolValidationError, match="a form must be an object"):
        encode_form(URLENCODED, {}, value)


def test_a_deep_object_has_a_greatest_depth() -> None:
    value: Any = "x"
    for _ in range(500):
        value = {"a": value}
    with pytest.raises(ToolValidationError, match="more than 32 levels"):
        urlencoded({"f": value}, f=DEEP)


@given(
    st.dictionaries(st.sampled_from(["a", "b c", "d[0]"]), TEXTS | st.sampled_from(["--", "\r\n--form-"]), max_size=3)
)
def test_an_independent_parser_reads_the_parts(fields: dict[str, str]) -> None:
    body = encode_form(MULTIPART, {}, fields)
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {body.content_type}\r\n\r\n".encode() + body.content)
    read = {}
    for part in message.iter_parts():
        assert isinstance(part, EmailMessage)
        read[part.get_param("name", header="content-disposition")] = part.get_payload(decode=True)
    assert read == {name: text.encode() for name, text in fields.items()}
