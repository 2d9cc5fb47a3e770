"""Characters that are not seen are shown, and nothing else is changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.cli.chat.human import question_text
from journeyman.cli.output import printable
from journeyman.cli.table import compact_json
from journeyman.events.hidden_characters import escape_hidden, escape_hidden_in_json

HIDDEN = "\u00ad\u061c\u200b\u200e\u202e\u2066\u2069\u2028\u3164\ufeff\U000e0041"


@pytest.mark.parametrize("character", HIDDEN)
def test_a_hidden_character_is_shown(character: str) -> None:
    escape = character.encode("unicode_escape").decode()
    assert escape_hidden(f"é{character}é") == f"é{escape}é"
    assert printable(f"a{character}b") == f"a{escape}b"


def test_joiners_are_shown_where_no_script_needs_them() -> None:
    assert escape_hidden("pay\u200dpal a\u200cé é\u200db") == "pay\\u200dpal a\\u200cé é\\u200db"
    for text in ("\U0001f469\u200d\U0001f4bb", "\u0645\u06cc\u200c\u062e\u0648", "Zo\u00eb", "\u6771\u4eac"):
        assert escape_hidden(text) == text


def test_an_approver_sees_the_characters_of_the_arguments() -> None:
    arguments = {"account": "DE12\u202e99\u200d", "to": "a\U000e0041"}
    shown = question_text({"tool": "pay", "message": "May \u202epay run?", "arguments": arguments})
    assert 'account="DE12\\u202e99\\u200d", to="a\\udb40\\udc41"' in printable(shown)
    assert "May \\u202epay run?" in printable(shown)


@settings(max_examples=200, deadline=None, database=None)
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_json_means_the_same(value: object) -> None:
    escaped = escape_hidden_in_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(escaped) == value
    assert not set(escaped) & {*HIDDEN, "\u200c", "\u200d"}
    assert json.loads(compact_json(["\u202e"])) == ["\u202e"]


@settings(max_examples=100, deadline=None, database=None)
@given(st.text())
def test_escaping_is_done_once(text: str) -> None:
    assert escape_hidden(escape_hidden(text)) == escape_hidden(text)
