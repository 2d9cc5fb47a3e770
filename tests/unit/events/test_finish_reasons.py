"""Stored finish reasons are documented."""

from __future__ import annotations

from journeyman.events import finish_reasons
from tests.harness.source_tree import ROOT


def test_the_events_page_names_every_stored_reason() -> None:
    page = (ROOT / "docs/reference/events.md").read_text()
    [line] = [line for line in page.splitlines() if line.startswith("| `finish_reason`")]
    stored = {value for name, value in vars(finish_reasons).items() if name.isupper()}
    assert len(stored) == 6
    assert [reason for reason in stored if f"`{reason}`" not in line] == []
