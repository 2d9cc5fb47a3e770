"""The page stays small: what the browser loads first, and all of it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

ASSETS = Path(__file__).parents[2] / "src/journeyman/web/static/assets"
FIRST_VIEW, ALL = 130_000, 200_000


def _sizes() -> dict[str, int]:
    return {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in ASSETS.glob("*.[jc]s*") if _plain(path)}


def _plain(path: Path) -> bool:
    return path.suffix in (".js", ".css")


def test_the_first_view_and_all_views_fit() -> None:
    sizes = _sizes()
    assert sizes, "the page is not built: make page"
    first = {name: size for name, size in sizes.items() if re.match(r"(index|ChatView|markdownRenderer)", name)}
    assert len(first) >= 3
    assert sum(first.values()) <= FIRST_VIEW, first
    assert sum(sizes.values()) <= ALL, sizes


def test_every_asset_has_a_hashed_name_and_both_compressed_forms() -> None:
    for path in ASSETS.iterdir():
        if _plain(path):
            assert re.search(r"-[A-Za-z0-9_-]{8}\.(js|css)$", path.name), path.name
            assert path.with_name(path.name + ".gz").exists()
            assert path.with_name(path.name + ".br").exists()


def test_the_shell_has_no_inline_script_and_no_foreign_host() -> None:
    text = (ASSETS.parent / "index.html").read_text()
    assert "style=" not in text
    assert "<style" not in text
    assert re.findall(r"<script[^>]*>(.+?)</script>", text, re.DOTALL) == []
    assert re.findall(r"(?:src|href)=\"(?!\./assets/|data:)", text) == []
