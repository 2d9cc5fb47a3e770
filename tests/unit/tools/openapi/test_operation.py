from __future__ import annotations

import pytest

from tests.harness.openapi_documents import ID, Json, document, messages, read


def test_parameters_and_body_become_arguments() -> None:
    query = {"name": "id", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}}
    trace = {"name": "X-Trace", "in": "header", "description": "Where\nfrom", "schema": {"type": "string"}}
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    reading = read(document({"parameters": [ID, query, trace], "requestBody": body}, method="post"))
    assert reading.schema == {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "id_in_query": {"type": "array", "items": {"type": "integer"}},
            "X-Trace": {"type": "string", "description": "Where from"},
            "body": {"type": "object"},
        },
        "required": ["id", "body"],
        "additionalProperties": False,
    }
    assert reading.operation.body == "required"
    assert [each.location for each in reading.operation.parameters] == ["path", "query", "header"]


def test_the_operations_parameters_stand_in_place_of_the_paths() -> None:
    data = document({"parameters": [{"name": "q", "in": "query", "schema": {"type": "integer"}}]}, path="/things")
    data["paths"]["/things"]["parameters"] = [
        {"name": "q", "in": "query", "schema": {"type": "string"}},
        {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
    ]
    assert read(data).schema["properties"] == {"q": {"type": "integer"}}


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (
            {"parameters": [ID, {"name": "s", "in": "cookie"}]},
            "paths//things/{id}/get/parameters/1: the parameter 's' is a cookie",
        ),
        ({"parameters": [ID, {"name": "q", "in": "query", "style": "odd"}]}, "has the style 'odd'"),
        ({"parameters": [{**ID, "style": "matrix"}]}, "has the style 'matrix', which is not supported in a path"),
        ({"parameters": [ID, {"name": "q", "in": "body"}]}, "is in no known place"),
        ({"parameters": [ID, {"name": "Host", "in": "header"}]}, "the header 'Host' cannot be a parameter"),
        ({"parameters": [ID, {"in": "query"}]}, "has no `name`"),
        ({"parameters": [ID, {"name": "q", "in": "query", "content": {"text/csv": {}}}]}, "is written as text/csv"),
        ({"parameters": [ID, {"$ref": "other.yaml#/q"}]}, "leads out of the document"),
        ({"parameters": [ID, {"$ref": "https://evil.example/#/q"}]}, "leads out of the document"),
        ({"parameters": [ID, {"$ref": "#/components/none"}]}, "names nothing"),
        ({"parameters": [ID, {"$ref": "#query"}]}, "the reference '#query' is no path in the document"),
        ({"parameters": [ID, {"$ref": "#/loop/a"}]}, "nothing but references"),
        ({"parameters": "many"}, "`parameters` must be a list"),
        ({}, "the path parameter 'id' is not both in the path and declared"),
        (
            {"parameters": [ID], "requestBody": {"required": True, "content": {"text/xml": {}}}},
            "the request's body is text/xml",
        ),
        ({"parameters": [{**ID, "schema": {"$ref": "#/self/A"}}]}, "refers to itself as a whole"),
        ({"parameters": [{**ID, "schema": {"$ref": "#/loop/a"}}]}, "refers to itself as a whole"),
        ({"parameters": [{**ID, "schema": {"$dynamicRef": "#a"}}]}, "dynamic references"),
        ({"parameters": [{**ID, "schema": 5}]}, "a schema must be a mapping"),
        ({"parameters": [{**ID, "schema": {"enum": ["x" * 70_000]}}]}, "KiB; at most 64"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(operation: Json, message: str) -> None:
    loop = {"a": {"$ref": "#/loop/b"}, "b": {"$ref": "#/loop/a"}}
    found = messages(document(operation, loop=loop, self={"A": {"allOf": [{"$ref": "#/self/A"}]}}))
    assert len(found) == 1
    assert message in found[0]


def test_all_faults_of_an_operation_come_at_once() -> None:
    assert len(messages(document({"parameters": [{"in": "query"}, {"name": "c", "in": "cookie"}]}))) == 2
