from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from journeyman.cli.commands.chat import Chat
from journeyman.cli.output import CommandOutput
from tests.harness.scripted_api_client import ACCEPTED, FINISHED, GONE, ScriptedApiClient, delta, event


def chat(door: ScriptedApiClient, ask: Callable[[str], str] | None = None) -> tuple[Chat, io.StringIO]:
    stream = io.StringIO()
    return Chat(door, CommandOutput(stream=stream), None, None, ask), stream  # type: ignore[arg-type]


def test_turns_stay_on_their_thread() -> None:
    door = ScriptedApiClient([ACCEPTED, FINISHED], [ACCEPTED, FINISHED])
    talk, _ = chat(door)
    talk.say("one")
    talk.say("two")
    assert [body for _, _, body in door.asked] == [{"user_input": "one"}, {"user_input": "two", "thread_id": "t1"}]


@pytest.mark.parametrize("status", ["running", "ended"])
def test_ctrl_c_cancels_the_reply(status: str) -> None:
    door = ScriptedApiClient([ACCEPTED, delta("Hel"), KeyboardInterrupt()], [event(2, "run_cancelled")], status=status)
    talk, stream = chat(door)
    talk.say("one")
    assert [path for _, path, _ in door.asked] == ["/process", "/runs/r1/cancel", "/runs/r1/events?after=1"]
    assert stream.getvalue() == "Hel\ncancelled\n"
    assert talk.status == "cancelled"


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
    door = ScriptedApiClient([ACCEPTED, ASKED, event(3, "run_paused")], [event(4, "run_resumed", epoch=1), FINISHED])
    said = iter(["what?", "", "a"])
    questions: list[str] = []
    talk, _ = chat(door, lambda question: questions.append(question) or next(said))  # type: ignore[func-returns-value]
    talk.say("pay")
    assert set(questions) == {"May it? pay(n=9) [approve/deny] "}
    assert ("POST", "/runs/r1/resume", {"answers": [{"approval": "a1", "decision": "approve"}]}) in door.asked
    assert talk.status == "finished"


def test_without_a_human_a_pause_stays_one() -> None:
    talk, _ = chat(ScriptedApiClient([ACCEPTED, ASKED, event(3, "run_paused")]))
    talk.say("pay")
    assert talk.status == "paused"


def test_an_error_is_shown_and_the_conversation_goes_on() -> None:
    talk, stream = chat(ScriptedApiClient([GONE], [ACCEPTED, FINISHED]))
    talk.say("one")
    talk.say("two")
    assert stream.getvalue() == "error: gone\n"
    assert talk.status == "finished"
