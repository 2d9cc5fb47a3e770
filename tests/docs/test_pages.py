"""The pages hang together: every link leads somewhere, the index names every page, and modules are placed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src/journeyman"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
LONGEST = {"README.md": 120, "docs/ARCHITECTURE.md": 250}  # lines


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target, fragment in LINK.findall(page.read_text()):
        file = (page.parent / target) if target else page
        if not file.exists() or (fragment and fragment not in anchors(file)):
            broken.append(f"{target}#{fragment}")
    assert not broken


def test_the_index_names_every_page() -> None:
    index = (DOCS / "index.md").read_text()
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"index.md"}
    assert not [page for page in pages if f"({page})" not in index]


@pytest.mark.parametrize("name", LONGEST)
def test_what_everybody_reads_is_short(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) <= LONGEST[name]


def test_every_folder_has_its_place_in_the_architecture() -> None:
    text = (DOCS / "ARCHITECTURE.md").read_text()
    folders = {str(init.parent.relative_to(SOURCE)) for init in SOURCE.rglob("__init__.py")} - {
        ".",
        "cli/first_project",
    }
    assert not [folder for folder in sorted(folders) if f"`{folder}/`" not in text]
