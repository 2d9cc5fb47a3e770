from __future__ import annotations

from typing import Any

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def get(app: Any, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_the_global_context() -> None:
    app = build_app(make_ports())
    merge = {"content-type": "application/merge-patch+json"}
    answer = await request(app, "PATCH", "/context", body=b'{"plan": "pro"}', headers=merge)
    assert answer.json() == await get(app, "/context") == {"plan": "pro"}
    assert (await request(app, "PATCH", "/context", json=[1])).status == 422
