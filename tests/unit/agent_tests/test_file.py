"""What a test file may say, and the short ways to say it."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from journeyman.agent_tests.file import AgentTestFileEntry, CallEntry, ExpectEntry, TextEntry


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("exactly this", TextEntry(exact="exactly this")),
        ({"contains": "this"}, TextEntry(contains=["this"])),
        ({"excludes": ["a", "b"], "regex": "^x"}, TextEntry(excludes=["a", "b"], regex="^x")),
    ],
)
def test_a_text_may_be_given_in_short(given: Any, whole: TextEntry) -> None:
    assert TextEntry.model_validate(given) == whole


def test_a_call_may_be_a_name_alone() -> None:
    expected = ExpectEntry.model_validate({"calls": ["look", {"tool": "pay", "arguments": {"amount": 5}}]})
    assert expected.calls == [CallEntry(tool="look"), CallEntry(tool="pay", arguments={"amount": 5})]
    assert expected.order == "exact"


@pytest.mark.parametrize(
    "given",
    [
        {"inptu": "hi"},
        {"expect": {"status": "done"}},
        {"expect": {"limits": {"steps": -1}}},
        {"expect": {"calls": [{"arguments": {}}]}},
        {"recorded": {"journeyman": "0.1", "started_at": "x", "events": []}},
    ],
)
def test_what_a_file_may_not_say(given: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        AgentTestFileEntry.model_validate(given)
