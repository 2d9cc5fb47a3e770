"""POST /execute_tool."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import ASGIApp

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def test_the_answer() -> None:
    answer = await request(
        build_app(make_ports()), "POST", "/execute_tool", json={"tool_name": "get_username", "arguments": {}}
    )
    assert answer.status == 200
    assert answer.json() == {
        "response": "alice",
        "tool_name": "get_username",
        "run_id": "run_1",
        "duration_ms": 0.0,
        "cached": False,
        "status": "finished",
    }


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"tool_name": "nope"}, 404, "tool_not_found"),
        ({"tool_name": "get_username", "arguments": {"x": 1}}, 400, "invalid_arguments"),
        ({"tool_name": "get_username", "arguments": []}, 422, "invalid_request"),
        ({"arguments": {}}, 422, "invalid_request"),
        ({"tool_name": "a\nb"}, 422, "invalid_request"),
    ],
)
async def test_refusals(body: dict[str, Any], status: int, code: str, shared_app: ASGIApp) -> None:
    answer = await request(shared_app, "POST", "/execute_tool", json=body)
    assert (answer.status, answer.json()["code"]) == (status, code)


async def test_a_tool_that_ran_and_failed_is_an_answer(shared_app: ASGIApp) -> None:
    body = {"tool_name": "get_username", "arguments": {"fail": True}}
    answer = await request(shared_app, "POST", "/execute_tool", json=body)
    assert (answer.status, answer.json()["error"]["code"]) == (200, "tool_failed")
