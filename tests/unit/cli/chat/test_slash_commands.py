from __future__ import annotations

import io
from typing import Any

import pytest

from journeyman.cli.chat.conversation import Conversation
from journeyman.cli.chat.slash_commands import SlashCommands
from journeyman.cli.output import CommandOutput
from journeyman.cli.screen import PlainScreen
from journeyman.errors import NotFoundError, ValidationError
from journeyman.ids import SequentialIds
from tests.harness.scripted_api_client import ScriptedApiClient, described

THREADS = [
    {"thread_id": "abc1", "messages": 1, "title": "Shop\x1b[2J", "active_run": None},
    {"thread_id": "abd2", "messages": 2, "title": "", "active_run": "r0"},
]
MESSAGES = [
    {"message": {"role": role, "content": [{"type": "text", "text": text}]}}
    for role, text in (("user", "Hi"), ("tool", "42"), ("assistant", "Hello"))
]


class Chatting:
    """Slash commands over two stored threads; what is printed is kept."""

    def __init__(self, *lines: str) -> None:
        gone = NotFoundError("gone")
        answers: dict[str, list[Any]] = {
            "GET /threads?order=newest&limit=10": [{"items": THREADS}],
            "GET /threads?order=newest&id=ab&limit=11": [{"items": THREADS}],
            "GET /threads?order=newest&id=abc&limit=11": [{"items": THREADS[:1]}],
            "GET /threads?order=newest&id=zz&limit=11": [{"items": []}],
            "GET /threads/abc1": [THREADS[0]],
            "GET /threads/abd2": [THREADS[1]],
            "GET /runs/r0": [described("paused", "r0", waiting_reason="The tool pay is not here.")],
            **{f"GET /threads/{name}": [gone] for name in ("ab", "abc", "zz")},
            **{f"GET /threads/{name}/messages?after=0&limit=10": [{"items": MESSAGES}] for name in ("abc1", "abd2")},
        }
        left = list(lines)
        self.client = ScriptedApiClient(answers=answers)
        self.stream = io.StringIO()
        screen = PlainScreen(CommandOutput(stream=self.stream))
        client: Any = self.client
        self.conversation = Conversation(client, screen, ask=lambda _: left.pop(0), ids=SequentialIds())
        self.commands = SlashCommands(client, self.conversation, screen)

    def shown(self, *lines: str) -> str:
        for line in lines:
            self.commands.run(line)
        return self.stream.getvalue()


def test_it_greets_with_agent_model_and_thread() -> None:
    chatting = Chatting()
    chatting.commands.greet("desk", "small")
    first, second, third = chatting.stream.getvalue().splitlines()
    assert first == "desk, model small"
    assert "/help" in second
    assert "Ctrl-D leaves" in second
    assert third == "New thread thread_1"


def test_threads_are_listed_and_made_printable() -> None:
    lines = Chatting().shown("/thread").splitlines()
    assert lines == ["* thread_1  (new)", "  abc1  1 message  Shop\N{REPLACEMENT CHARACTER}[2J", "  abd2  2 messages"]


def test_a_thread_is_found_by_the_beginning_of_its_id() -> None:
    chatting = Chatting()
    assert chatting.shown("/thread abc") == "Thread abc1 (1 message)\n  user: Hi\n  assistant: Hello\n"
    assert chatting.conversation.thread_id == "abc1"


@pytest.mark.parametrize(("text", "error"), [("ab", ValidationError), ("zz", NotFoundError)])
def test_a_thread_that_is_no_single_one_changes_nothing(text: str, error: type[Exception]) -> None:
    chatting = Chatting()
    with pytest.raises(error, match=text):
        chatting.shown(f"/thread {text}")
    assert chatting.conversation.thread_id == "thread_1"


def test_what_the_threads_run_waits_for_is_shown() -> None:
    assert chatting_line("/thread abd2") == "Run r0 waits. The tool pay is not here."


def chatting_line(line: str) -> str:
    return Chatting().shown(line).splitlines()[-1]


def test_new_cost_help_and_what_does_not_exist() -> None:
    assert chatting_line("/new") == "New thread thread_2"
    assert chatting_line("/cost").startswith("0 runs in this chat")
    assert "/thread ID" in Chatting().shown("/help")
    assert chatting_line("/halp") == "There is no command /halp. /help lists the commands."
    assert chatting_line("/cancel") == "No run of this thread is open."
    assert Chatting().shown("/later") == ""
