from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from journeyman.tools.openapi.address import base_url
from journeyman.tools.openapi.api import Api
from journeyman.tools.openapi.operation import ReadOperation
from journeyman.tools.openapi.references import UnusableError
from journeyman.tools.openapi.tool import openapi_tool, operation_tool_name

Json = dict[str, Any]


def document(
    operation: Json, path: str = "/things/{id}", method: str = "get", version: str = "3.1.0", **top: Any
) -> Json:
    return {
        "openapi": version,
        "servers": [{"url": "https://api.example/v1/"}],
        "paths": {path: {method: {"operationId": "op", **operation}}},
        **top,
    }


ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}


def read(data: Json) -> ReadOperation:
    reading, faults = Api(data).read("op")
    assert not faults
    assert reading is not None
    jsonschema_rs.validator_for(reading.schema)
    return reading


def messages(data: Json) -> list[str]:
    reading, faults = Api(data).read("op")
    assert reading is None
    return [f"{'/'.join(map(str, fault.path))}: {fault.message}" for fault in faults]


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
    assert [each.place for each in reading.operation.parameters] == ["path", "query", "header"]


def test_the_operations_parameters_stand_in_place_of_the_paths() -> None:
    data = document({"parameters": [{"name": "q", "in": "query", "schema": {"type": "integer"}}]}, path="/things")
    data["paths"]["/things"]["parameters"] = [
        {"name": "q", "in": "query", "schema": {"type": "string"}},
        {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
    ]
    assert read(data).schema["properties"] == {"q": {"type": "integer"}}


def test_references_become_definitions_cyclic_ones_included() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}, "of": {"$ref": "#/x~1y/0"}}}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}
    operation = {"parameters": [{"$ref": "#/components/parameters/Id"}], "requestBody": body}
    components = {"schemas": {"Node": node}, "parameters": {"Id": ID}}
    reading = read(document(operation, method="put", components=components, **{"x/y": [{"type": "integer"}]}))
    assert reading.schema["properties"]["body"] == {"$ref": "#/$defs/Node"}
    assert set(reading.schema["$defs"]) == {"Node", "0"}
    check = jsonschema_rs.validator_for(reading.schema)
    assert check.is_valid({"id": "1", "body": {"next": {"next": {"of": 3}}}})
    assert not check.is_valid({"id": "1", "body": {"next": {"next": {"of": "3"}}}})


def test_the_words_of_3_0_are_translated() -> None:
    schema = {
        "type": "object",
        "required": ["id", "size"],
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "size": {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "nullable": True, "example": 3},
            "kind": {"type": "string", "enum": ["a"], "nullable": True, "exclusiveMaximum": False},
        },
    }
    data = document({"requestBody": {"content": {"application/json": {"schema": schema}}}}, "/t", "post", "3.0.3")
    assert read(data).schema["properties"]["body"] == {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": ["integer", "null"], "exclusiveMinimum": 0},
            "kind": {"type": ["string", "null"], "enum": ["a", None]},
        },
    }


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


@pytest.mark.parametrize(
    "data", [None, [], {}, {"openapi": "2.0"}, {"openapi": 3.1}, {"openapi": "3.2.0"}, {"swagger": "2.0"}]
)
def test_other_documents_are_refused(data: Any) -> None:
    with pytest.raises(UnusableError, match=r"Swagger 2\.0|not OpenAPI"):
        Api(data)


def test_a_method_or_an_id_that_cannot_be_chosen() -> None:
    assert "TRACE is not supported" in messages(document({"parameters": [ID]}, method="trace"))[0]
    data = document({}, "/a")
    data["paths"]["/b"] = data["paths"]["/a"]
    assert "given twice" in messages(data)[0]


@pytest.mark.parametrize("path", ["things", "/a b", "/a/../b", "/a/%2e%2E/b", "/a?b", "/a#b", "/ä"])
def test_paths_that_are_none(path: str) -> None:
    assert "characters that a path may not have" in messages(document({}, path))[0]


def test_the_nearest_server_counts() -> None:
    data = document({"servers": [{"url": "http://{host}:8080", "variables": {"host": {"default": "h.example"}}}]}, "/a")
    assert Api(data).server("op") == "http://h.example:8080"
    del data["paths"]["/a"]["get"]["servers"]
    assert Api(data).server("op") == "https://api.example/v1"


@pytest.mark.parametrize("servers", [[], [{"url": "/v1"}], [{}], ["x"], [{"url": "https://{host}"}]])
def test_a_server_must_be_absolute(servers: list[Any]) -> None:
    data = document({}, "/a")
    data["servers"] = servers
    with pytest.raises(UnusableError) as caught:
        Api(data).server("op")
    assert "server:" in str(caught.value.fault.remedy)


@pytest.mark.parametrize(
    "url",
    ["ftp://h", "//h/a", "https://", "https://u:p@h", "https://h?a", "https://h#a", "https://h/../a", "https://h/%2e%2e",
     "https://h\\@e", "https://h:99999", "https://h h", "https://[::g]", "https://h/a b", "https://h/%zz", "https://ü"],
)  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="server"):
        base_url(url)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://H.example/", "https://h.example"),
        ("http://127.0.0.1:80/a%20b/", "http://127.0.0.1:80/a%20b"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_addresses_that_are_taken(url: str, base: str) -> None:
    assert base_url(url) == base


def test_names_fit_what_providers_take() -> None:
    assert operation_tool_name("crm", "users.get/all") == "crm__users_get_all"
    assert operation_tool_name("crm", "x" * 64) != operation_tool_name("crm", "x" * 65)
    assert len(operation_tool_name("crm", "x" * 300)) == 64


@pytest.mark.parametrize(
    ("method", "effects", "declared"),
    [("get", "none", True), ("head", "none", True), ("put", "idempotent", True), ("delete", "idempotent", True),
     ("post", "once", False), ("patch", "once", False)],
)  # fmt: skip
def test_effects_follow_from_the_method(method: str, effects: str, declared: bool) -> None:
    spec = openapi_tool("crm", read(document({}, "/a", method)), "https://h", None, "crm.yaml:1").spec
    assert (spec.policy.effects, spec.policy.declared, spec.policy.on_unknown) == (effects, declared, "tell")
    assert spec.description == f"{method.upper()} /a"


def test_descriptions_are_one_line_and_capped() -> None:
    reading = read(document({"summary": "Get\x00it", "description": "all\n" + "x" * 2000}, "/a"))
    assert reading.description.startswith("Get it: all x")
    assert len(reading.description) == 1000
