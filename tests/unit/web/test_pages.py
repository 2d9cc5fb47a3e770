from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.api.app import build_app
from journeyman.web.pages import pages
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text('<html>\n  <head>\n    <script src="./assets/a-1.js"></script></head></html>')
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/a-1.js").write_text("let a")
    (tmp_path / "assets/a-1.js.br").write_text("brotli")
    return tmp_path


async def test_pages_name_no_foreign_host() -> None:
    app = build_app(make_ports(pages=pages(Path("/nowhere"))))
    for path in ("/docs", "/docs.js", "/style.css", "/ui/"):
        page = await request(app, "GET", path)
        assert page.status == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "https://" not in page.text
        assert "<script>" not in page.text
        assert "style=" not in page.text


async def test_a_page_that_is_not_built_says_how_to_build_it_and_how_to_go_on_without() -> None:
    page = await request(build_app(make_ports(pages=pages(Path("/nowhere")))), "GET", "/ui/runs")
    assert "make page" in page.text
    assert "curl" in page.text


@pytest.mark.parametrize("path", ["/", "/ui"])
async def test_the_root_leads_to_the_page(path: str) -> None:
    plain = await request(build_app(make_ports(pages=pages())), "GET", path)
    assert (plain.status, plain.headers["location"]) == (307, "/ui/")
    behind = await request(build_app(make_ports(pages=pages(), root_path="/agents")), "GET", path)
    assert behind.headers["location"] == "/agents/ui/"


async def test_docs_lead_to_the_reference_of_a_page_that_is_built(built: Path) -> None:
    found = await request(build_app(make_ports(pages=pages(built), root_path="/x")), "GET", "/docs")
    assert (found.status, found.headers["location"]) == (307, "/x/ui/reference")


async def test_each_address_below_ui_is_the_page_with_its_base(built: Path) -> None:
    app = build_app(make_ports(pages=pages(built), root_path="/a&b"))
    for path in ("/ui/", "/ui/runs/run_1", "/ui/runs/run_1?at=7", "/ui/assets"):
        page = await request(app, "GET", path)
        assert page.status == 200, path
        assert '<head>\n    <base href="/a&amp;b/ui/">' in page.text
        assert page.headers["cache-control"] == "no-cache"


async def test_assets_are_kept_for_ever_and_missing_ones_are_not(built: Path) -> None:
    app = build_app(make_ports(pages=pages(built)))
    asset = await request(app, "GET", "/ui/assets/a-1.js", headers={"accept-encoding": "gzip, br"})
    assert (asset.text, asset.headers["content-encoding"]) == ("brotli", "br")
    assert "immutable" in asset.headers["cache-control"]
    assert asset.headers["vary"] == "accept-encoding"
    plain = await request(app, "GET", "/ui/assets/a-1.js")
    assert (plain.text, "content-encoding" in plain.headers) == ("let a", False)
    missing = await request(app, "GET", "/ui/assets/b-2.js")
    assert (missing.status, missing.headers["cache-control"]) == (404, "no-cache")
