"""The page that Prometheus scrapes."""

from __future__ import annotations

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def test_the_form_is_the_one_that_was_asked_for() -> None:
    async def metrics(accept: str) -> tuple[bytes, str]:
        return b"up 1\n", "application/openmetrics-text" if "openmetrics" in accept else "text/plain"

    app = build_app(make_ports(metrics=metrics))
    plain = await request(app, "GET", "/metrics")
    assert (plain.status, plain.text, plain.headers["content-type"]) == (200, "up 1\n", "text/plain")
    open_metrics = await request(app, "GET", "/metrics", headers={"accept": "application/openmetrics-text"})
    assert open_metrics.headers["content-type"] == "application/openmetrics-text"
