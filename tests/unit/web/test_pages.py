from __future__ import annotations

from journeyman.api.app import build_app
from journeyman.web.pages import pages
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def test_pages_name_no_foreign_host() -> None:
    app = build_app(make_ports(pages=pages()))
    for path in ("/", "/docs", "/docs.js", "/style.css"):
        page = await request(app, "GET", path)
        assert page.status == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "https://" not in page.text
        assert "<script>" not in page.text
        assert "style=" not in page.text
    assert "curl" in (await request(app, "GET", "/")).text
