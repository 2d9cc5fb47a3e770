from __future__ import annotations

from typing import Any

import pytest

from journeyman.tools.openapi.forms import FieldEncoding
from journeyman.tools.openapi.operation import FormOperation, Operation
from tests.harness.openapi_documents import Json, document, messages, read

FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data"
ANY = {"schema": {"type": "object"}}


def of(content: Json, required: bool = False, **top: Any) -> Json:
    return document({"requestBody": {"required": required, "content": content}}, "/a", "post", **top)


@pytest.mark.parametrize(
    ("kinds", "media", "kind"),
    [
        ([PARTS, FORM, "application/json"], "application/json", Operation),
        ([PARTS, FORM, "application/vnd.api+json; v=1"], "application/vnd.api+json; v=1", Operation),
        (["text/xml", PARTS, f"{FORM}; charset=utf-8"], FORM, FormOperation),
        ([PARTS, "text/xml"], PARTS, FormOperation),
    ],
)
def test_json_is_sent_if_it_is_taken_else_a_form(kinds: list[str], media: str, kind: type[Operation]) -> None:
    operation = read(of(dict.fromkeys(kinds, ANY))).operation
    assert (operation.media, type(operation), operation.body) == (media, kind, "optional")


@pytest.mark.parametrize("required", [True, False])
def test_a_body_of_no_supported_type_is_a_fault_also_if_it_is_optional(required: bool) -> None:
    assert messages(of({"application/octet-stream": {}, "text/xml": {}}, required)) == [
        "paths//a/post/requestBody/content: "
        "the request's body is application/octet-stream, text/xml, and only JSON and forms are supported"
    ]


def test_a_body_without_types_is_none_unless_it_is_required() -> None:
    assert read(of({})).operation.body == "none"
    assert "the request's body is nothing" in messages(of({}, required=True))[0]


def test_the_schema_of_a_form_is_an_argument() -> None:
    schema = {"type": "object", "properties": {"To": {"type": "string"}}, "required": ["To"]}
    assert read(of({FORM: {"schema": schema}}, True)).schema["properties"] == {"body": schema}
    assert read(of({FORM: {}})).schema["properties"] == {"body": {"type": "object"}}
    assert "must be an object" in messages(of({FORM: {"schema": {"type": "string"}}}))[0]
    nullable = {"schema": {"type": "object", "nullable": True}}
    assert read(of({FORM: nullable}, version="3.0.0")).operation.media == FORM


def test_how_fields_are_written() -> None:
    encoding = {
        "items": {"style": "deepObject", "explode": True},
        "ids": {"style": "form", "explode": False},
        "raw": {"allowReserved": True},
        "meta": {"contentType": "application/json; charset=utf-8"},
        "image": {"contentType": "image/*, image/png"},
        "plain": {},
    }
    operation = read(of({FORM: {**ANY, "encoding": encoding}})).operation
    assert isinstance(operation, FormOperation)
    assert operation.fields == {
        "items": FieldEncoding(style="deepObject"),
        "ids": FieldEncoding(style="form", explode=False),
        "raw": FieldEncoding(style="form"),
        "meta": FieldEncoding(content_type="application/json; charset=utf-8"),
        "image": FieldEncoding(content_type="image/png"),
    }


def test_files_are_found_behind_references_and_in_lists() -> None:
    file = {"type": "string", "format": "binary"}
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Upload"}, {"properties": {"more": {"type": "array", "items": file}}}],
        "properties": {
            "svg": file,
            "text": {"type": "string"},
            "coded": {**file, "contentEncoding": "base64"},
            "x": True,
        },
    }
    upload = {
        "properties": {"file": {"$ref": "#/components/schemas/File"}, "self": {"$ref": "#/components/schemas/Upload"}}
    }
    content = {PARTS: {"schema": schema, "encoding": {"svg": {"contentType": "image/svg+xml"}}}}
    operation = read(
        of(content, components={"schemas": {"Upload": upload, "File": {"contentMediaType": "x/y"}}})
    ).operation
    assert isinstance(operation, FormOperation)
    assert operation.fields == {
        "svg": FieldEncoding(content_type="image/svg+xml", is_file=True),
        "file": FieldEncoding(is_file=True),
        "more": FieldEncoding(is_file=True),
    }


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ({"a": {"style": "matrix"}}, "the field 'a' has the style 'matrix'"),
        ({"a": {"contentType": "text/plain\r\nX-Evil: 1"}}, "must be a media type"),
        ({"a": {"contentType": 5}}, "must be a media type"),
        ({"a": 5}, "`a` must be a mapping"),
        ([], "`encoding` must be a mapping"),
    ],
)
def test_an_encoding_that_cannot_be_used(encoding: Any, message: str) -> None:
    assert message in messages(of({PARTS: {**ANY, "encoding": encoding}}))[0]
