"""The tables of the page on models are those of the code."""

from __future__ import annotations

import re

from journeyman.llm.gateway.opaque import OUTPUT_ONLY
from tests.harness.source_tree import ROOT
from tests.wires import matrix


def test_the_output_only_fields_are_those_that_are_not_sent() -> None:
    page = (ROOT / "docs/reference/models.md").read_text()
    section = page.partition("## Opaque fields")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(OUTPUT_ONLY)


def test_the_matrix_is_the_one_that_was_played() -> None:
    """To renew it: `python -m tests.wires.matrix`."""
    assert matrix.PAGE.read_text() == matrix.page_with(matrix.table())
