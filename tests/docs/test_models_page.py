"""The tables of the page on models are those of the code."""

from __future__ import annotations

import re

from journeyman.llm.gateway.opaque import OUTPUT_ONLY
from tests.harness.source_tree import ROOT


def test_the_output_only_fields_are_those_that_are_not_sent() -> None:
    page = (ROOT / "docs/reference/models.md").read_text()
    section = page.partition("## Opaque fields")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(OUTPUT_ONLY)
