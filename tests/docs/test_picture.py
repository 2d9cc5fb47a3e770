"""The picture of the README shows what the commands print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.harness.terminal_picture import shown_lines, svg, terminal

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs/images/terminal.svg"


@pytest.mark.long
def test_the_picture_shows_what_is_printed() -> None:
    """If not: `python -m tests.harness.terminal_picture docs/images/terminal.svg`."""
    with terminal() as lines:
        assert shown_lines(PICTURE.read_text("utf-8")) == shown_lines(svg(lines))


def test_the_picture_is_part_of_the_readme_and_loads_nothing() -> None:
    assert "(docs/images/terminal.svg)" in (ROOT / "README.md").read_text()
    picture = PICTURE.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"href|src=|url\(|<script|@import|/tmp/|/home/", picture)
