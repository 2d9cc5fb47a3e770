"""Words for a reply that did not end well."""

from __future__ import annotations

import pytest

from journeyman.cli.reply_ending import ending_note


@pytest.mark.parametrize("reason", [None, "", "stop", "tool_calls", "cancelled"])
def test_nothing_to_say(reason: str | None) -> None:
    assert ending_note(reason) == ""


@pytest.mark.parametrize("reason", ["length", "content_filter", "unknown", "empty"])
def test_the_reason_is_named(reason: str) -> None:
    assert ending_note(reason).endswith(f": {reason})")
