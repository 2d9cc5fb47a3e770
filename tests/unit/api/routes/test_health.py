from __future__ import annotations

from typing import Any

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def get(app: Any, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_probes() -> None:
    assert (await get(build_app(make_ports()), "/livez"))["status"] == "alive"
    assert (await get(build_app(make_ports()), "/readyz"))["status"] == "ready"
    unready = await request(build_app(make_ports(ready=lambda: {"journal": "failed"})), "GET", "/readyz")
    assert (unready.status, unready.json()) == (
        503,
        {"status": "unready", "reasons": {"journal": "failed"}, "details": {}},
    )
