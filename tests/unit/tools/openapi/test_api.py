from __future__ import annotations

from typing import Any

import pytest

from journeyman.tools.openapi.api import Api
from journeyman.tools.openapi.references import UnusableError
from tests.harness.openapi_documents import ID, document, messages


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
def test_invalid_paths(path: str) -> None:
    assert "characters that a path may not have" in messages(document({}, path))[0]


def test_an_operation_without_an_id_is_named_by_method_and_path() -> None:
    data = document({"parameters": [ID]})
    data["paths"]["/things"] = {"post": {"summary": "New"}, "delete": {"operationId": ""}}
    data["paths"]["/same"] = {"$ref": "#/paths/~1things"}
    api = Api(data)
    assert api.names == ["op", "POST /things", "DELETE /things", "POST /same", "DELETE /same"]
    for name in ("POST /things", "POST /same", "GET /things/{id}"):
        reading, faults = api.read(name)
        assert not faults
        assert reading is not None
        assert f"{reading.operation.method} {reading.operation.path}" == reading.operation.id == name
    assert api.server("POST /same") == "https://api.example/v1"
    for name in ("post /things", "POST", "GET /none", "", "POST things"):
        assert api.operation(name) is None


def test_an_id_that_is_given_twice_can_be_chosen_by_its_path() -> None:
    data = document({}, "/a")
    data["paths"]["/b"] = data["paths"]["/a"]
    reading, _ = Api(data).read("GET /b")
    assert reading is not None
    assert reading.operation.path == "/b"


def test_paths_in_other_files_are_named() -> None:
    data = document({}, "/a")
    data["paths"] |= {"/users": {"$ref": "./paths/users.yaml"}, "/b": {"$ref": "#/none"}, "/c": 5}
    api = Api(data)
    (fault,) = api.unresolved_paths("GET /users")
    assert fault.path == ("paths", "/users", "$ref")
    assert fault.message == "the reference './paths/users.yaml' leads out of the document"
    assert len(api.unresolved_paths("getUser")) == 3
    assert not api.unresolved_paths("GET /a")
