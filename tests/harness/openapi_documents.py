"""Small OpenAPI documents, and what is read from them."""

from __future__ import annotations

from typing import Any

import jsonschema_rs

from journeyman.tools.openapi.api import Api
from journeyman.tools.openapi.operation import ReadOperation

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
