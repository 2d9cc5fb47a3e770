from __future__ import annotations

from typing import Any

import pytest
from starlette.types import ASGIApp

from tests.harness.asgi_client import request


@pytest.mark.parametrize(
    "path", ["/threads", "/runs", "/approvals", "/agents", "/tools", "/threads/a/messages", "/threads/a/runs"]
)
async def test_cursors_that_are_none(path: str, shared_app: ASGIApp) -> None:
    await request(shared_app, "POST", "/threads", json={"thread_id": "a"})
    for cursor in ("x", "%00", "e30", "cnVuczotMQ", "%F0%9F%98%80", "A" * 2000):
        answer = await request(shared_app, "GET", f"{path}?cursor={cursor}")
        assert answer.status == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/retention/prune", {"days": 1e308}),
        ("/retention/prune", {"threads": -1}),
        ("/retention/prune", {"megabytes": 1e308}),
        ("/retention/prune", {}),
        ("/keys", {"name": "a b", "scopes": ["run"]}),
        ("/keys", {"name": "a\n", "scopes": ["run"]}),
        ("/keys", {"name": "a", "scopes": ["run", "fly"]}),
        ("/keys", {"name": "a", "scopes": ["run"], "principal": ""}),
    ],
)
async def test_what_the_document_does_not_allow_is_refused_with_its_place(
    path: str, body: Any, shared_app: ASGIApp
) -> None:
    answer = await request(shared_app, "POST", path, json=body)
    assert (answer.status, answer.json()["errors"][0]["path"][:4]) == (422, "body"), answer.text
