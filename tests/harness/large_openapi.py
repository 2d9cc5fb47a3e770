"""A generated OpenAPI document of the size and kind of those of large hosting services: 13 MB, 1,100 operations."""

from __future__ import annotations

import json
from typing import Any

import yaml

Json = dict[str, Any]

OPERATIONS = 1_100
PROPERTIES = 24
FOR_JSON, FOR_YAML = 20, 29  # objects in each example, which make up most of such a document: 13 MB of either


def large_openapi(examples_each: int, operations: int = OPERATIONS) -> Json:
    """Return the document. The operation `things/get-7` is `GET /orgs/{org}/things7/{id}`; each third has a body."""
    paths: Json = {}
    schemas: Json = {}
    examples: Json = {}
    for number in range(operations):
        schemas[f"thing-{number}"] = _schema(number)
        examples[f"thing-{number}-items"] = {"value": [_example(number, item) for item in range(examples_each)]}
        paths[f"/orgs/{{org}}/things{number}/{{id}}"] = _path(number)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Large",
            "version": "1.1.4",
            "description": "A large API.\n\nWith \u201cquotes\u201d and \U0001f680.",
        },
        "servers": [{"url": "https://api.large.example"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "examples": examples,
            "parameters": {"org": {"name": "org", "in": "path", "required": True, "schema": {"type": "string"}}},
        },
    }


def large_json(document: Json) -> str:
    """Return the document as JSON with an indentation of two spaces."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def large_yaml(document: Json) -> str:
    """Return the document as YAML in block style."""
    text: str = yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    return text


def _path(number: int) -> Json:
    parameters = [
        {"$ref": "#/components/parameters/org"},
        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "maximum": 9223372036854775807}},
    ]
    reference = {"schema": {"$ref": f"#/components/schemas/thing-{number}"}}
    content = {
        "application/json": {
            **reference,
            "examples": {"default": {"$ref": f"#/components/examples/thing-{number}-items"}},
        }
    }
    answers = {"200": {"description": "Response", "content": content}, "404": {"description": "Not found"}}
    method = "post" if number % 3 == 0 else "get"
    operation: Json = {
        "operationId": f"things/{method}-{number}",
        "summary": f"Thing {number} of an organization",
        "description": 'Reads or writes a thing.\n\n> [!NOTE]\n> Needs the scope `repo`: see "[Scopes](https://large.example)".',
        "parameters": parameters,
        "responses": answers,
    }
    if method == "post":
        operation["requestBody"] = {"required": True, "content": {"application/json": reference}}
    return {method: operation}


def _schema(number: int) -> Json:
    properties: Json = {
        f"property_{index}": {"type": "string", "description": f"The {index}th property of {number}.", "nullable": True}
        for index in range(PROPERTIES)
    }
    properties["parent"] = {"$ref": f"#/components/schemas/thing-{number // 2}"}
    return {"type": "object", "properties": properties, "required": ["property_0"]}


def _example(number: int, item: int) -> Json:
    return {
        "id": number * 1_000 + item,
        "node_id": f"MDEwOlJlcG9zaXRvcnk{number:06d}{item:03d}",
        "url": f"https://api.large.example/orgs/octo/things{number}/{item}",
        "html_url": f"https://large.example/octo/things{number}/{item}",
        "private": False,
        "score": item / 8,
        "labels": ["first", "second"],
    }
