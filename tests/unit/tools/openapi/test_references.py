from __future__ import annotations

import jsonschema_rs

from tests.harness.openapi_documents import ID, document, read


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
