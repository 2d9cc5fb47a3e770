from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.cli.rich_screen import RichScreen, finished_length

STYLES = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "60"), ("LINES", "20")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def said(terminal: Terminal) -> str:
    """What is written, without colours and styles."""
    return STYLES.sub("", terminal.getvalue())


def test_a_reply_is_shown_as_markdown(terminal: Terminal) -> None:
    screen = RichScreen(terminal)
    for part in ("# Ord", "er\n\nIt is **on ", "its way** to `Rotterdam`.\n\n- one\n", "- two\n"):
        screen.append(part)
    screen.end_reply()
    text = said(terminal)
    assert "It is on its way to Rotterdam." in text
    assert " • one" in text
    assert "**" not in text
    assert "\x1b[1m" in terminal.getvalue()


def test_the_text_that_arrives_is_shown_above_the_spinner_and_then_as_markdown(terminal: Terminal) -> None:
    screen = RichScreen(terminal)
    screen.busy("thinking")
    assert "thinking" in terminal.getvalue()
    screen.append("It is **on")
    screen.append(" its way**.")
    screen.end_reply()
    screen.release()
    assert said(terminal).count("It is on its way.") == 1
    assert terminal.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in terminal.getvalue(), "the cursor is shown again"


@pytest.mark.parametrize(
    "text",
    [
        "\x1b]0;title\x07",
        "\x1b[2Jgone",
        "&#27;[2Jgone",
        "&#x1b;]0;title&#7;",
        "a\rb",
        "&#13;b",
        "`\x1b[2J`",
        "```\n\x1b[2J\n```",
        "[x](http://a/\x1b]8;;b)",
        "[x](http://a.example/b)",
        "\x9b2J",
        "\ud800",
    ],
)
def test_a_reply_cannot_send_an_escape_sequence(terminal: Terminal, text: str) -> None:
    screen = RichScreen(terminal)
    screen.append(text)
    screen.end_reply()
    screen.note(text)
    rest = said(terminal).replace("\n", "")
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", rest), rest.encode()
    assert "[red]" in _noted(terminal, "[red]no markup[/red]")


def _noted(terminal: Terminal, text: str) -> str:
    RichScreen(terminal).note(text)
    return said(terminal)


def test_a_different_text_begins_anew(terminal: Terminal) -> None:
    screen = RichScreen(terminal)
    screen.append("Bye")
    screen.replace("Hello")
    screen.replace("Hello you")
    screen.end_reply()
    assert [line.strip() for line in said(terminal).splitlines() if line.strip()] == ["Bye", "Hello you"]


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("", ""),
        ("one", ""),
        ("one\n\n", ""),  # the next line may belong to it
        ("one\n\ntwo", "one\n\n"),
        ("- one\n\n  still one", ""),
        ("```\na\n\nb", ""),
        ("```\na\n\nb\n```\n\nc", "```\na\n\nb\n```\n\n"),
    ],
)
def test_blocks_that_are_finished(text: str, finished: str) -> None:
    assert text[: finished_length(text)] == finished


@given(st.text("ab`~\n -", max_size=40), st.text("ab`~\n -", max_size=20))
def test_more_text_never_takes_a_block_back(text: str, more: str) -> None:
    assert finished_length(text + more) >= finished_length(text)
