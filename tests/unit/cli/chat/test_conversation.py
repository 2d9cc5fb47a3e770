from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from journeyman.cli.chat.conversation import LACKING, Conversation
from journeyman.cli.chat.human import Ask, LeftOpen
from journeyman.cli.output import CommandOutput
from journeyman.cli.screen import PlainScreen
from journeyman.errors import ForbiddenError, StateError
from journeyman.ids import SequentialIds
from tests.harness.scripted_api_client import ACCEPTED, FINISHED, GONE, ScriptedApiClient, delta, described, event

PAUSED = event(3, "run_paused", waiting_for=["a1"])
RESUMED = event(4, "run_resumed", epoch=1)
PAY: dict[str, Any] = {
    "approval": "a1",
    "kind": "tool",
    "tool": "pay",
    "arguments": {"n": 9},
    "message": "May it?",
    "decisions": ["approve", "deny"],
}
FREE = {"thread_id": "thread_1", "active_run": None, "messages": 2}
BUSY = FREE | {"active_run": "r0"}
THREAD, NEWEST = "GET /threads/thread_1", "GET /threads/thread_1/runs?limit=1"


def conversation(
    client: ScriptedApiClient, ask: Ask | None = None, thread: str | None = None
) -> tuple[Conversation, io.StringIO]:
    stream = io.StringIO()
    screen = PlainScreen(CommandOutput(stream=stream))
    return Conversation(client, screen, None, thread, ask, SequentialIds()), stream  # type: ignore[arg-type]


class Human:
    """Types the given lines, and keeps the prompts."""

    def __init__(self, *lines: str) -> None:
        self.prompts: list[str] = []
        self._lines: Iterator[str] = iter(lines)

    def __call__(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return next(self._lines)


def test_messages_stay_on_one_thread() -> None:
    client = ScriptedApiClient(
        [ACCEPTED, FINISHED],
        [ACCEPTED, FINISHED],
        answers={"GET /runs/r1": [described()], THREAD: [FREE], NEWEST: [{"items": []}]},
    )
    talk, _ = conversation(client)
    talk.say("one")
    talk.say("two")
    bodies = [body for method, path, body in client.requests if path == "/process"]
    assert bodies == [
        {"user_input": "one", "thread_id": "thread_1"},
        {"user_input": "two", "thread_id": "thread_1"},
    ]
    assert talk.usage.line().startswith("1 run in this chat: 10 tokens in, 2 out")


def test_a_new_thread_is_begun() -> None:
    streams = ([ACCEPTED, FINISHED], [ACCEPTED, FINISHED])
    client = ScriptedApiClient(*streams, answers={"GET /runs/r1": [described()]})
    talk, _ = conversation(client)
    talk.say("one")
    talk.begin_thread()
    talk.say("two")
    assert client.requests[-2][2] == {"user_input": "two", "thread_id": "thread_2"}
    assert client.asked("GET") == ["GET /runs/r1"] * 2, "nothing is asked about a thread that is new"


@pytest.mark.parametrize("status", ["running", "ended"])
def test_ctrl_c_cancels_the_reply(status: str) -> None:
    client = ScriptedApiClient(
        [ACCEPTED, delta("Hel"), KeyboardInterrupt()],
        [event(2, "run_cancelled")],
        status=status,
        answers={"GET /runs/r1": [described("cancelled")]},
    )
    talk, stream = conversation(client)
    talk.say("one")
    assert client.asked("POST", "GET")[:3] == ["POST /process", "POST /runs/r1/cancel", "GET /runs/r1/events?after=1"]
    assert stream.getvalue() == "Hel\ncancelled\n"
    assert talk.status == "cancelled"
    assert [talk.take_interrupt(), talk.take_interrupt()] == [True, False]


@pytest.mark.parametrize(("newest", "cancelled"), [("r1", True), (None, False)])
def test_ctrl_c_before_the_first_frame_cancels_what_the_server_accepted(newest: str | None, cancelled: bool) -> None:
    client = ScriptedApiClient(
        [KeyboardInterrupt()],
        [event(2, "run_cancelled")],
        answers={
            NEWEST: [{"items": [{"run_id": newest}] if newest else []}],
            "GET /runs/r1": [described("cancelled")],
        },
    )
    talk, stream = conversation(client)
    talk.say("one")
    assert ("POST /runs/r1/cancel" in client.asked("POST")) is cancelled
    assert stream.getvalue() == ("cancelled\n" if cancelled else "interrupted\n")


def test_a_second_ctrl_c_leaves() -> None:
    talk, _ = conversation(ScriptedApiClient([ACCEPTED, KeyboardInterrupt()], [KeyboardInterrupt()]))
    with pytest.raises(KeyboardInterrupt):
        talk.say("one")
    assert talk.take_interrupt()


def test_approvals_are_asked_and_answered_in_one_request() -> None:
    other = PAY | {"approval": "a2", "message": "And of the child?"}
    client = ScriptedApiClient(
        [ACCEPTED, PAUSED],
        [RESUMED, FINISHED],
        answers={"GET /runs/r1": [described("paused", approvals=[PAY, other]), described()]},
    )
    human = Human("what?", "", "y", "n")
    talk, _ = conversation(client, human)
    talk.say("pay")
    assert human.prompts[0] == "May it? pay(n=9)\ny = approve, n = deny: "
    given = [{"approval": "a1", "decision": "approve"}, {"approval": "a2", "decision": "deny"}]
    assert ("POST", "/runs/r1/resume", {"answers": given}) in client.requests
    assert talk.status == "finished"


def test_without_a_human_a_paused_run_stays_paused() -> None:
    client = ScriptedApiClient([ACCEPTED, PAUSED], answers={"GET /runs/r1": [described("paused", approvals=[PAY])]})
    talk, _ = conversation(client)
    talk.say("pay")
    assert talk.status == "paused"
    assert talk.run is not None
    assert talk.run["approvals"] == [PAY]


def test_a_key_that_may_not_read_runs_can_chat() -> None:
    refused = ForbiddenError("This request needs the scope `read`.")
    asked = event(2, "approval_requested", **PAY)
    client = ScriptedApiClient(
        [ACCEPTED, asked, PAUSED],
        [RESUMED, FINISHED],
        [ACCEPTED, FINISHED],
        answers={"GET /runs/r1": [refused], THREAD: [refused], NEWEST: [refused]},
    )
    talk, stream = conversation(client, Human("y"))
    talk.say("pay")
    talk.say("two")
    assert stream.getvalue() == ""
    assert client.asked("POST") == ["POST /process", "POST /runs/r1/resume", "POST /process"]
    assert talk.status == "finished"


def test_another_answer_that_was_faster_is_told_and_the_run_goes_on() -> None:
    closed = StateError("This approval was answered already.", code="approval_closed")
    client = ScriptedApiClient(
        [ACCEPTED, PAUSED],
        [RESUMED, FINISHED],
        answers={
            "GET /runs/r1": [described("paused", approvals=[PAY]), described()],
            "POST /runs/r1/resume": [closed],
        },
    )
    talk, stream = conversation(client, Human("y"))
    talk.say("pay")
    assert "answered already" in stream.getvalue()
    assert talk.status == "finished"


def test_an_answer_that_is_refused_leaves_the_question_open() -> None:
    client = ScriptedApiClient(
        [ACCEPTED, PAUSED],
        answers={
            "GET /runs/r1": [described("paused", approvals=[PAY])],
            "POST /runs/r1/resume": [ForbiddenError("Another principal must answer.", code="answer_by_other")],
        },
    )
    talk, stream = conversation(client, Human("y"))
    talk.say("pay")
    assert stream.getvalue() == "error: Another principal must answer.\n"
    assert talk.status == "paused"


def test_an_error_is_printed_and_the_conversation_continues() -> None:
    answers = {"GET /runs/r1": [described()], THREAD: [FREE], NEWEST: [{"items": []}]}
    talk, stream = conversation(ScriptedApiClient([GONE], [ACCEPTED, FINISHED], answers=answers))
    talk.say("one")
    assert talk.status == "failed"
    talk.say("two")
    assert stream.getvalue() == "error: gone\n"
    assert talk.status == "finished"


def test_a_limit_is_raised_to_the_value_that_the_human_gives() -> None:
    limit = {"name": "steps", "value": 3.0, "up_to": 6.0}
    asked = event(
        2, "approval_requested", approval="a1", kind="limit", call="steps", arguments={"steps": 6}, limit=limit
    )
    row = PAY | {"kind": "limit", "tool": "", "arguments": {"steps": 6}, "message": "The limit `steps` (3)."}
    client = ScriptedApiClient(
        [ACCEPTED, asked, PAUSED],
        [RESUMED, FINISHED],
        answers={"GET /runs/r1": [described("paused", approvals=[row]), described()]},
    )
    human = Human("a", "many", "7", "3", "5")
    talk, _ = conversation(client, human)
    talk.say("go")
    answer = {"approval": "a1", "decision": "approve", "arguments": {"steps": 5}}
    assert ("POST", "/runs/r1/resume", {"answers": [answer]}) in client.requests
    assert set(human.prompts[1:]) == {"the new limit (more than 3, at most 6; nothing means 6): "}


# --- a thread that has an open run


def behind(*streams: Any, runs: list[dict[str, Any]], thread: tuple[dict[str, Any], ...] = (BUSY, FREE)) -> Any:
    answers = {THREAD: thread, "GET /runs/r0": runs, "GET /runs/r1": [described()], NEWEST: [{"items": []}]}
    return ScriptedApiClient(*streams, answers=answers)


def test_a_message_behind_a_paused_run_is_asked_about_before_it_is_sent() -> None:
    waits = described("paused", "r0", approvals=[PAY])
    ended = event(9, "run_finished", output="paid")
    client = behind([ended], [ACCEPTED, FINISHED], runs=[waits, described("finished", "r0")])
    human = Human("y", "y")
    talk, _ = conversation(client, human, "thread_1")
    talk.say("two")
    assert human.prompts[0] == "Run r0 waits for your approval: show it? [y/n] "
    assert client.asked("POST") == ["POST /runs/r0/resume", "POST /process"]
    assert talk.status == "finished"


@pytest.mark.parametrize("run", [described("paused", "r0", approvals=[PAY]), described("paused", "r0")])
def test_a_message_is_not_queued_behind_a_run_that_stays_open(run: dict[str, Any]) -> None:
    talk, stream = conversation(client := behind(runs=[run]), Human("n"), "thread_1")
    talk.say("two")
    assert client.asked("POST") == []
    assert "Your message was not sent." in stream.getvalue()
    talk, stream = conversation(client := behind(runs=[run]), None, "thread_1")
    talk.say("two")
    assert client.asked("POST") == []
    assert talk.status == ("paused" if run["approvals"] else LACKING)
    assert talk.run is run


def test_a_run_at_work_is_shown_before_a_message_is_sent() -> None:
    client = behind(
        [delta("Earlier."), event(9, "run_finished")], [ACCEPTED, FINISHED], runs=[described("running", "r0")]
    )
    talk, stream = conversation(client, Human(), "thread_1")
    talk.say("two")
    assert "Run r0 of this thread is at work." in stream.getvalue()
    assert "Earlier." in stream.getvalue()
    assert client.asked("POST") == ["POST /process"]


def test_ctrl_c_stops_waiting_for_a_run_at_work_and_cancels_nothing() -> None:
    client = behind([KeyboardInterrupt()], runs=[described("running", "r0")])
    talk, stream = conversation(client, Human(), "thread_1")
    talk.say("two")
    assert client.asked("POST") == []
    assert "Your message was not sent." in stream.getvalue()


def test_a_question_that_is_left_open_stays_open() -> None:
    talk, _ = conversation(behind(runs=[described("paused", "r0", approvals=[PAY])]), Human("y", "/new"), "thread_1")
    with pytest.raises(LeftOpen) as left:
        talk.say("two")
    assert left.value.command == "/new"


def test_the_open_run_is_cancelled() -> None:
    talk, stream = conversation(client := behind(runs=[described("paused", "r0")]), Human(), "thread_1")
    talk.cancel()
    assert talk.status == "cancelled", "so that no line says to return to it"
    talk.cancel()
    assert client.asked("POST") == ["POST /runs/r0/cancel"]
    assert stream.getvalue() == "Run r0 is cancelled.\nNo run of this thread is open.\n"


# --- runs that lack something, and retries

LACKS = event(3, "run_paused", lacks={"kind": "tool", "name": "pay"})


def test_a_run_that_lacks_something_says_so() -> None:
    away = described("paused", waiting_reason="The tool pay is not here.")
    client = ScriptedApiClient([ACCEPTED, LACKS, FINISHED], answers={"GET /runs/r1": [away, described()]})
    talk, stream = conversation(client, Human())
    talk.say("pay")
    assert "Run r1 waits. The tool pay is not here." in stream.getvalue()
    assert talk.status == "finished", "it is followed until that is there"
    talk, _ = conversation(ScriptedApiClient([ACCEPTED, LACKS, FINISHED], answers={"GET /runs/r1": [away]}))
    talk.say("pay")
    assert talk.status == LACKING, "a pipe does not wait"


def test_a_retry_shows_what_is_new() -> None:
    copied = event(2, "model_replied", message={"content": [{"type": "text", "text": "Old."}]})
    forked = event(3, "run_forked", parent="r0", at=2)
    new = event(4, "model_replied", message={"content": [{"type": "text", "text": "New."}]})
    client = ScriptedApiClient(
        [ACCEPTED, copied, forked, new, FINISHED],
        answers={
            NEWEST: [{"items": [{"run_id": "r0"}]}],
            "POST /runs/r0/retry": [{"run_id": "r1", "thread_id": "thread_1"}],
            "GET /runs/r1": [described()],
        },
    )
    talk, stream = conversation(client, Human(), "thread_1")
    talk.retry()
    assert stream.getvalue() == "Run r1 goes on from before run r0 failed.\nNew.\n"
    talk, stream = conversation(ScriptedApiClient(answers={NEWEST: [{"items": []}]}), Human(), "thread_1")
    talk.retry()
    assert "this thread has none" in stream.getvalue()
