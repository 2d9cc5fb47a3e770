from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from journeyman.cli.commands.chat import Chat
from journeyman.cli.output import CommandOutput
from tests.harness.scripted_api_client import ACCEPTED, FINISHED, GONE, ScriptedApiClient, delta, event


def chat(client: ScriptedApiClient, ask: Callable[[str], str] | None = None) -> tuple[Chat, io.StringIO]:
    stream = io.StringIO()
    return Chat(client, CommandOutput(stream=stream), None, None, ask), stream  # type: ignore[arg-type]


def test_messages_stay_on_one_thread() -> None:
    client = ScriptedApiClient([ACCEPTED, FINISHED], [ACCEPTED, FINISHED])
    conversation, _ = chat(client)
    conversation.say("one")
    conversation.say("two")
    assert [body for _, _, body in client.requests] == [{"user_input": "one"}, {"user_input": "two", "thread_id": "t1"}]


def test_a_new_thread_is_begun() -> None:
    client = ScriptedApiClient([ACCEPTED, FINISHED], [ACCEPTED, FINISHED])
    conversation, _ = chat(client)
    conversation.say("one")
    conversation.begin_thread()
    conversation.say("two")
    assert client.requests[-1][2] == {"user_input": "two"}


@pytest.mark.parametrize("status", ["running", "ended"])
def test_ctrl_c_cancels_the_reply(status: str) -> None:
    client = ScriptedApiClient(
        [ACCEPTED, delta("Hel"), KeyboardInterrupt()], [event(2, "run_cancelled")], status=status
    )
    conversation, stream = chat(client)
    conversation.say("one")
    assert [path for _, path, _ in client.requests] == ["/process", "/runs/r1/cancel", "/runs/r1/events?after=1"]
    assert stream.getvalue() == "Hel\ncancelled\n"
    assert conversation.status == "cancelled"


ASKED = event(
    2,
    "approval_requested",
    approval="a1",
    kind="tool",
    tool="pay",
    arguments={"n": 9},
    message="May it?",
    decisions=["approve", "deny"],
)


def test_an_approval_is_asked_and_answered() -> None:
    client = ScriptedApiClient([ACCEPTED, ASKED, event(3, "run_paused")], [event(4, "run_resumed", epoch=1), FINISHED])
    replies = iter(["what?", "", "a"])
    questions: list[str] = []
    conversation, _ = chat(client, lambda question: questions.append(question) or next(replies))  # type: ignore[func-returns-value]
    conversation.say("pay")
    assert set(questions) == {"May it? pay(n=9) [approve/deny] "}
    assert ("POST", "/runs/r1/resume", {"answers": [{"approval": "a1", "decision": "approve"}]}) in client.requests
    assert conversation.status == "finished"


def test_without_a_human_a_paused_run_stays_paused() -> None:
    conversation, _ = chat(ScriptedApiClient([ACCEPTED, ASKED, event(3, "run_paused")]))
    conversation.say("pay")
    assert conversation.status == "paused"


def test_an_error_is_printed_and_the_conversation_continues() -> None:
    conversation, stream = chat(ScriptedApiClient([GONE], [ACCEPTED, FINISHED]))
    conversation.say("one")
    conversation.say("two")
    assert stream.getvalue() == "error: gone\n"
    assert conversation.status == "finished"


def test_a_limit_is_raised_to_the_value_that_the_human_gives() -> None:
    asked = event(
        2,
        "approval_requested",
        approval="a1",
        kind="limit",
        call="steps",
        arguments={"steps": 6},
        message="The run has reached its limit `steps` (3).",
        decisions=["approve", "deny"],
        limit={"name": "steps", "value": 3.0, "up_to": 6.0},
    )
    resumed = event(4, "run_resumed", epoch=1)
    client = ScriptedApiClient([ACCEPTED, asked, event(3, "run_paused")], [resumed, FINISHED])
    replies = iter(["a", "many", "7", "3", "5"])
    questions: list[str] = []
    conversation, _ = chat(client, lambda question: questions.append(question) or next(replies))  # type: ignore[func-returns-value]
    conversation.say("go")
    answer = {"approval": "a1", "decision": "approve", "arguments": {"steps": 5}}
    assert ("POST", "/runs/r1/resume", {"answers": [answer]}) in client.requests
    assert questions[0] == "The run has reached its limit `steps` (3). [approve/deny] "
    assert set(questions[1:]) == {"the new limit (more than 3, at most 6; nothing means 6): "}
