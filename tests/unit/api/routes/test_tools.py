from __future__ import annotations

from typing import Any

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def get(app: Any, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_tools() -> None:
    app = build_app(make_ports())
    (tool,) = (await get(app, "/tools"))["items"]
    assert tool == await get(app, "/tools/get_username")
    assert (tool["source"], tool["metrics"]) == ("tools/user.py:3", {"calls": 2})
    assert (await request(app, "GET", "/tools/nope")).json()["code"] == "tool_not_found"
