from __future__ import annotations

from typing import Any

import pytest

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
    unready = await request(build_app(make_ports(not_ready=lambda: {"journal": "failed"})), "GET", "/readyz")
    assert (unready.status, unready.json()) == (
        503,
        {"status": "unready", "reasons": {"journal": "failed"}, "details": {}},
    )


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("host", ["10.1.2.3:8000", "node-7.internal", "", "[fe80::1%eth0]", "evil.example", "a b"])
async def test_a_probe_answers_whatever_host_it_names(host: str, method: str, path: str) -> None:
    answer = await request(build_app(make_ports()), method, path, headers={"host": host})
    assert answer.status == 200
    rejected = await request(build_app(make_ports()), "GET", "/agents", headers={"host": host})
    assert (rejected.status, rejected.json()["code"]) == (421, "host_not_allowed")


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/metrics", "/livez/", "/readyz/x", "//livez", "/LIVEZ"]
)
async def test_nothing_but_the_probes_answers_to_any_host(path: str) -> None:
    answer = await request(build_app(make_ports()), "GET", path, headers={"host": "evil.example"})
    assert (answer.status, answer.json()["code"]) == (421, "host_not_allowed")


async def test_probes_of_a_mounted_app() -> None:
    app = build_app(make_ports())

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": "/agents", "path": f"/agents{scope['path']}"}, receive, send)

    for path, status in (("/livez", 200), ("/readyz", 200), ("/agents", 421)):
        assert (await request(mounted, "GET", path, headers={"host": "10.0.0.1"})).status == status


async def test_without_authentication_another_machine_may_probe() -> None:
    app = build_app(make_ports())

    async def from_elsewhere(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": ("10.0.0.9", 4711)}, receive, send)

    for method in ("GET", "HEAD"):
        for path in ("/livez", "/readyz"):
            forwarded = {"x-forwarded-for": "203.0.113.7", "host": "10.0.0.1"}
            assert (await request(from_elsewhere, method, path, headers=forwarded)).status == 200


async def test_an_unready_server_says_so_to_head() -> None:
    app = build_app(make_ports(not_ready=lambda: {"journal": "failed"}))
    assert (await request(app, "HEAD", "/readyz")).status == 503
    assert (await request(app, "HEAD", "/livez")).status == 200
