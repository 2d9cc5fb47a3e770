"""Arguments of calls as servers write them."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.llm.gateway.arguments import as_text, complete_arguments, is_complete, is_object


@pytest.mark.parametrize(
    ("given", "text"), [("{}", "{}"), (None, ""), ({"a": 1}, '{"a":1}'), ([1], "[1]"), (3, "3"), ("a\0", "a\0")]
)
def test_any_type_becomes_text(given: Any, text: str) -> None:
    assert as_text(given) == text


@pytest.mark.parametrize(
    ("text", "whole", "complete"),
    [
        ('{"a": 1}', True, True),
        (' {"a": 1}\n', True, True),
        ("{}", True, False),
        ('{"a": 1', False, False),
        ('{"a": 1}}', False, False),
        ('"{\\"a\\": 1}"', False, True),
        ("[]", False, False),
        ("", False, False),
        ("{" * 100_000 + "}", False, False),
    ],
)
def test_complete_objects(text: str, whole: bool, complete: bool) -> None:
    assert (is_object(text), is_complete(text)) == (whole, complete)


@pytest.mark.parametrize(
    ("text", "well", "otherwise"),
    [
        ("", "{}", ""),
        (" ", "{}", " "),
        ("null", "{}", "null"),
        ('""', "{}", ""),
        ('"null"', "{}", "null"),
        ('"{\\"a\\": 1}"', '{"a": 1}', '{"a": 1}'),
        ('"text"', '"text"', '"text"'),
        ('{"a"', '{"a"', '{"a"'),
    ],
)
def test_arguments_of_a_reply_that_has_ended(text: str, well: str, otherwise: str) -> None:
    assert complete_arguments(text, ended_well=True) == well
    assert complete_arguments(text, ended_well=False) == otherwise
