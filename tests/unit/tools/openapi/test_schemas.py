from __future__ import annotations

from tests.harness.openapi_documents import document, read


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
