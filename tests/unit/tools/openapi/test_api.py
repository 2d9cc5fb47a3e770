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
