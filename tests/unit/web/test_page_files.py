from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.web.page_files import Asset, PageFiles, accepted_encodings


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<html><head></head></html>")
    assets = tmp_path / "assets"
    assets.mkdir()
    for suffix in ("", ".br", ".gz"):
        (assets / f"index-Ab12.js{suffix}").write_bytes(b"code" + suffix.encode())
    (assets / "plain-1.css").write_bytes(b"style")
    (tmp_path / "secret.js").write_text("not an asset")
    return tmp_path


def test_a_page_that_is_not_built_has_no_files(tmp_path: Path) -> None:
    page = PageFiles(tmp_path / "none")
    assert page.shell() is None
    assert page.asset("index-Ab12.js", "br") is None


def test_an_asset_comes_in_the_best_encoding_that_is_accepted(built: Path) -> None:
    page = PageFiles(built)
    assert page.asset("index-Ab12.js", "gzip, deflate, br") == Asset(b"code.br", "text/javascript", "br")
    assert page.asset("index-Ab12.js", "gzip;q=0.5, br;q=0") == Asset(b"code.gz", "text/javascript", "gzip")
    assert page.asset("index-Ab12.js", "") == Asset(b"code", "text/javascript")
    assert page.asset("plain-1.css", "br") == Asset(b"style", "text/css"), "not compressed, so sent as it is"


@pytest.mark.parametrize(
    "name", ["../secret.js", "..", "", "a/b.js", "none.js", "index-Ab12.js\n", ".js", "index.html", "x" * 200 + ".js"]
)
def test_nothing_else_is_an_asset(built: Path, name: str) -> None:
    assert PageFiles(built).asset(name, "br") is None


def test_encodings_that_are_refused_are_not_accepted() -> None:
    assert accepted_encodings("GZIP , br; q=0, zstd;q=0.3") == {"gzip", "zstd"}
