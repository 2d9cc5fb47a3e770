"""What `journeyman chat` does through a pipe, and which screen it takes. On a terminal: tests/behaviour."""

from __future__ import annotations

import io
from typing import Any

import pytest

from journeyman.cli.commands.chat import chat_through_pipe, terminal_screen
from journeyman.cli.screen import PlainScreen
from tests.harness.scripted_api_client import ACCEPTED, FINISHED, GONE, ScriptedApiClient, described, event

QUESTION: dict[str, Any] = {
    "approval": "a1",
    "kind": "tool",
    "tool": "pay",
    "arguments": {"n": 9},
    "message": "May it?",
    "decisions": ["approve"],
}
FAILED = event(3, "run_failed", error={"code": "x", "message": "no"})
PAUSED = event(3, "run_paused", waiting_for=["a1"])


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Sends lines through a pipe: exit code and output."""

    def send(client: Any, *lines: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        code = chat_through_pipe(client, None, None, " --url here")
        return code, capsys.readouterr().out

    return send


def test_a_question_and_its_command_are_printed_and_nothing_more_is_sent(piped: Any) -> None:
    paused = {"GET /runs/r1": [described("paused", approvals=[QUESTION])]}
    client = ScriptedApiClient([ACCEPTED, PAUSED], answers=paused)
    code, text = piped(client, "pay", "more")
    assert code == 6
    assert text == 'May it? pay {"n":9}\n  journeyman approvals answer a1 approve --url here\n'
    assert client.asked("POST") == ["POST /process"]


def test_what_a_run_lacks_is_printed(piped: Any) -> None:
    lacks = event(3, "run_paused", lacks={"kind": "tool", "name": "pay"})
    away = {"GET /runs/r1": [described("paused", waiting_reason="The tool pay is not here.")]}
    code, text = piped(ScriptedApiClient([ACCEPTED, lacks], answers=away), "pay")
    assert (code, text) == (7, "Run r1 waits. The tool pay is not here.\n")


def test_lines_are_messages_until_quit_and_new_begins_a_thread(piped: Any) -> None:
    done = {"GET /runs/r1": [described()]}
    client = ScriptedApiClient([ACCEPTED, FINISHED], [ACCEPTED, FINISHED], answers=done)
    assert piped(client, "one", "", "/new", "/help", "/quit", "three")[0] == 0
    bodies = [body for _, path, body in client.requests if path == "/process"]
    assert [body["user_input"] for body in bodies] == ["one", "/help"], "a pipe has no other commands"
    assert bodies[0]["thread_id"] != bodies[1]["thread_id"]


def test_a_run_that_fails_and_a_server_that_is_gone_end_it(piped: Any) -> None:
    failed = {"GET /runs/r1": [described("failed")]}
    code, text = piped(ScriptedApiClient([ACCEPTED, FAILED], answers=failed), "one", "two")
    assert code == 1
    assert text.endswith("To go on from before the failure: journeyman runs retry r1 --url here\n")
    assert piped(ScriptedApiClient([GONE]), "one") == (1, "error: gone\n")


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_the_cursor_gets_plain_text(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdout", type("Tty", (io.StringIO,), {"isatty": lambda self: True})())
    assert isinstance(terminal_screen(), PlainScreen)
    monkeypatch.setenv("TERM", "xterm")
    assert not isinstance(terminal_screen(), PlainScreen)
