from __future__ import annotations

from typing import Any

import pytest
from starlette.types import ASGIApp

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def process(app: Any, text: str, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    return await request(app, "POST", "/process", json={"user_input": text, **fields}, headers=headers)


async def test_idempotency_key() -> None:
    ports = make_ports()
    app = build_app(ports)
    key = {"idempotency-key": "k 1"}
    first = await process(app, "hi", headers=key, thread_id="a")
    again = await request(
        app,
        "POST",
        "/process",
        body=b'{ "thread_id":"a",  "user_input":"hi"}',
        headers={**key, "content-type": "application/json"},
    )
    assert again.json() == first.json()
    other = await process(app, "else", headers=key, thread_id="a")
    assert (other.status, other.json()["code"]) == (422, "idempotency_mismatch")
    tool = await request(app, "POST", "/execute_tool", json={"tool_name": "get_username", "arguments": {}}, headers=key)
    assert tool.status == 200
    assert len(ports.runs.results) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é", " "])
async def test_a_key_that_is_none(key: str, shared_app: ASGIApp) -> None:
    answer = await process(shared_app, "hi", headers={"idempotency-key": key})
    assert (answer.status, answer.json()["code"]) == (422, "invalid_idempotency_key")


@pytest.mark.parametrize("given", [" ", "\n\u3000", [{"type": "text", "text": " "}, {"type": "text", "text": ""}]])
async def test_white_space_alone_is_no_input(given: Any, shared_app: ASGIApp) -> None:
    answer = await process(shared_app, given)
    assert (answer.status, answer.json()["code"]) == (422, "invalid_request")
    assert "body.user_input" in answer.text
