"""`journeyman threads` over a journal file."""

from __future__ import annotations

import json

import pytest

from journeyman.cli import main
from tests.harness.cli_runner import Shell


def test_threads_are_listed_and_read(shell: Shell) -> None:
    code, out = shell("threads", "--json")
    (thread,) = json.loads(out)["items"]
    assert (code, thread["thread_id"], thread["messages"]) == (0, "t", 2)
    code, out = shell("threads", "show", "t")
    assert code == 0
    assert out.index("hi") < out.index("hello")
    assert shell("threads", "show", "nope")[0] != 0
    assert [shell("threads", "show", name)[1] for name in ("last", "t")] == [out, out]


def test_the_earlier_messages_of_a_thread_are_counted(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["threads", "show", "t", "--limit", "1"]) == 0
    printed = capsys.readouterr()
    assert ("hello" in printed.out, "hi" in printed.out) == (True, False)
    assert "earlier messages" in printed.err


def test_a_thread_is_erased_once_it_is_confirmed(shell: Shell) -> None:
    assert shell("threads", "delete", "t")[0] == 2, "no terminal to ask on"
    code, out = shell("threads", "delete", "last", "--yes", "--json")
    assert (code, json.loads(out)) == (0, {"thread_id": "t", "erased": True})
    assert json.loads(shell("threads", "--json")[1]) == json.loads(shell("runs", "--json")[1]) == {"items": []}
    assert shell("threads", "delete", "t", "--yes")[0] == 4


def test_a_thread_gets_another_title(shell: Shell) -> None:
    code, out = shell("threads", "rename", "last", "Lamps", "--json")
    assert (code, json.loads(out)) == (0, {"thread_id": "t", "title": "Lamps"})
    (thread,) = json.loads(shell("threads", "--json")[1])["items"]
    assert thread["title"] == "Lamps"
    assert shell("threads", "rename", "t", "x" * 501)[0] == 2
