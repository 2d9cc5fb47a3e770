"""The OpenAPI document is pinned: a change of the API is a change of this file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from journeyman.api.app import build_app
from journeyman.api.security.scopes import ANY, OPEN, ROUTES
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports

SNAPSHOT = Path(__file__).parents[3] / "docs/reference/openapi.json"
REFRESH = "REFRESH_OPENAPI=1 .venv/bin/python -m pytest tests/unit/api/test_openapi.py"


async def _document() -> dict[str, object]:
    answer = await request(build_app(make_ports(version="snapshot")), "GET", "/openapi.json")
    assert answer.status == 200
    return answer.json()  # type: ignore[no-any-return]


async def test_the_document_is_the_snapshot() -> None:
    made = json.dumps(await _document(), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("REFRESH_OPENAPI"):
        SNAPSHOT.write_text(made)
    assert SNAPSHOT.read_text() == made, f"The API has changed. If that is meant: {REFRESH}"


async def test_every_reference_resolves_and_every_operation_is_described() -> None:
    document = await _document()
    assert document["openapi"] == "3.1.0"
    known = document["components"]["schemas"]  # type: ignore[index]
    for part in json.dumps(document).split('"$ref": "')[1:]:
        assert part.split('"')[0].removeprefix("#/components/schemas/") in known
    names = [
        operation["operationId"]
        for methods in document["paths"].values()  # type: ignore[attr-defined]
        for operation in methods.values()
    ]
    assert len(names) == len(set(names))
    for methods in document["paths"].values():  # type: ignore[attr-defined]
        for operation in methods.values():
            assert operation["summary"]
            assert "4XX" in operation["responses"]
            assert not any("validation" in text.lower() for text in known)


async def test_every_operation_says_which_scope_it_needs() -> None:
    document = await _document()
    assert document["components"]["securitySchemes"]["credential"]["scheme"] == "bearer"  # type: ignore[index]
    for path, methods in document["paths"].items():  # type: ignore[attr-defined]
        for method, operation in methods.items():
            scope = ROUTES[method.upper(), path]
            needed = [] if scope == ANY else [scope]
            assert operation["security"] == ([] if scope == OPEN else [{"credential": needed}])


async def test_what_may_not_be_done_is_answered_with_all_that_may() -> None:
    app, document = build_app(make_ports()), await _document()
    for path, methods in document["paths"].items():  # type: ignore[attr-defined]
        answer = await request(app, "PUT", path.replace("{", "").replace("}", ""))
        allowed = set(answer.headers["allow"].lower().split(", ")) - {"head"}
        assert (answer.status, allowed) == (405, set(methods)), path
