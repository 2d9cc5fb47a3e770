from __future__ import annotations

import io
import json

import pytest

from journeyman.cli.output import CommandOutput, print_error, printable
from journeyman.errors import (
    ConfigurationError,
    Problem,
)


def test_json_is_one_value() -> None:
    stream = io.StringIO()
    CommandOutput(json=True, stream=stream).items([{"name": "a", "more": 1}], ("name",), "none")
    assert json.loads(stream.getvalue()) == {"items": [{"name": "a", "more": 1}]}


def test_an_empty_list_is_a_sentence() -> None:
    stream = io.StringIO()
    CommandOutput(stream=stream).items([], ("name",), "Nothing.")
    assert stream.getvalue() == "Nothing.\n"


def test_a_list_that_was_cut_says_so() -> None:
    items = [{"name": name} for name in "abc"]
    for json_wanted, end in ((False, "NAME\na\nb\n"), (True, '"cut": true\n}\n')):
        stream, notes = io.StringIO(), io.StringIO()
        CommandOutput(json=json_wanted, stream=stream, notes=notes).items(items, ("name",), "none", limit=2)
        assert stream.getvalue().endswith(end)
        assert notes.getvalue() == "There are more than these 2. Pass --limit N or --all.\n"
    notes = io.StringIO()
    CommandOutput(stream=io.StringIO(), notes=notes).items(items, ("name",), "none", limit=3)
    assert notes.getvalue() == ""


def test_a_table_fits_the_terminal_unless_it_is_to_be_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    for wide, longest in ((False, 20), (True, 100)):
        stream = Terminal()
        CommandOutput(stream=stream, wide=wide).items([{"name": "x" * 100}], ("name",), "none")
        assert max(map(len, stream.getvalue().splitlines())) == longest
    stream = io.StringIO()
    CommandOutput(stream=stream).items([{"name": "x" * 100}], ("name",), "none")
    assert "x" * 100 in stream.getvalue(), "a program reads it"


def test_foreign_text_cannot_control_the_terminal() -> None:
    assert printable("a\x1b]0;title\x07\r\ud800\tb\n") == "a\ufffd]0;title\ufffd\ufffd?\tb\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_only_on_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert CommandOutput(stream=Terminal()).paint("x", "red") == "\x1b[31mx\x1b[0m"
    assert CommandOutput(stream=io.StringIO()).paint("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert CommandOutput(stream=Terminal()).paint("x", "red") == "x"


def test_an_error_as_json_lists_the_problems() -> None:
    stream = io.StringIO()
    print_error(ConfigurationError("No:", [Problem("bad", "a.yaml", 3, 1, "mend it")]), json=True, stream=stream)
    printed = json.loads(stream.getvalue())
    assert (printed["code"], printed["problems"][0]["line"]) == ("configuration_error", 3)
