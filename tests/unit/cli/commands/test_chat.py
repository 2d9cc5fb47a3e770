from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from journeyman.cli.client.api_client import Frame
from journeyman.cli.client.follow_run import StreamFollower
from journeyman.cli.commands.chat import Chat
from journeyman.cli.output import CommandOutput
from journeyman.cli.transcript import Transcript
from journeyman.errors import ServiceUnavailableError, StateError

Step = Frame | BaseException


def event(seq: int, type: str, **data: Any) -> Frame:
    return Frame(type, {"run_id": "r1", "seq": seq, "type": type, "data": data}, seq)


def delta(text: str, offset: int = 0) -> Frame:
    return Frame("delta", {"call": "m1", "attempt": 1, "offset": offset, "text": text})


ACCEPTED = event(1, "run_accepted", thread="local/t1")
REPLIED = event(4, "model_replied", message={"content": [{"type": "text", "text": "Hello you"}]})
FINISHED = event(5, "run_finished", output="Hello you")


class FakeDoor:
    """Streams that were prepared, in order; every request is noted."""

    def __init__(self, *streams: Sequence[Step], status: str = "running") -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self._streams = list(streams)
        self._status = status

    def call(self, method: str, path: str, body: object = None) -> Any:
        self.asked.append((method, path, body))
        if path.endswith("/cancel") and self._status == "ended":
            raise StateError("it has ended")
        return {"status": self._status}

    def stream(self, method: str, path: str, body: object = None) -> Iterator[Frame]:
        self.asked.append((method, path, body))
        for step in self._streams.pop(0):
            if isinstance(step, BaseException):
                raise step
            yield step


def follow(*streams: Sequence[Step], status: str = "running") -> tuple[list[str], FakeDoor, StreamFollower]:
    door = FakeDoor(*streams, status=status)
    following = StreamFollower(door, sleep=lambda _: None)  # type: ignore[arg-type]
    return [frame.type for frame in following.start({})], door, following


GONE = ServiceUnavailableError("gone")


def test_a_run_to_its_end() -> None:
    types, _, following = follow([ACCEPTED, delta("Hello"), FINISHED])
    assert types == ["run_accepted", "delta", "run_finished"]
    assert (following.run_id, following.thread_id, following.last) == ("r1", "t1", 5)


@pytest.mark.parametrize("cut", [[GONE], [Frame("reconnect", {"reason": "shutdown"})], []])
def test_a_cut_stream_is_rejoined_where_it_was_left(cut: list[Step]) -> None:
    types, door, _ = follow([ACCEPTED, *cut], [GONE], [REPLIED, FINISHED])
    assert types == ["run_accepted", "model_replied", "run_finished"]
    assert [path for _, path, _ in door.asked] == ["/process", *["/runs/r1/events?after=1"] * 2]


def test_a_server_that_stays_away() -> None:
    with pytest.raises(ServiceUnavailableError):
        follow([ACCEPTED], *[[GONE]] * 100)


def test_a_start_that_fails_is_not_tried_again() -> None:
    with pytest.raises(ServiceUnavailableError):
        follow([GONE], [FINISHED])


def test_nothing_new_of_a_run_that_is_over() -> None:
    following = StreamFollower(FakeDoor([], status="finished"))  # type: ignore[arg-type]
    assert list(following.rejoin("r1", 5)) == []


def test_a_pause_ends_the_stream() -> None:
    types, _, _ = follow([ACCEPTED, event(2, "run_paused"), FINISHED])
    assert types == ["run_accepted", "run_paused"]


# --- what is shown


def shown(*frames: Frame) -> str:
    stream = io.StringIO()
    transcript = Transcript(CommandOutput(stream=stream))
    for frame in frames:
        transcript.show(frame)
    return stream.getvalue()


def test_a_reply_grows_and_stands_once() -> None:
    assert shown(ACCEPTED, delta("Hel"), delta("lo you", 3), REPLIED, FINISHED) == "Hello you\n"
    assert shown(ACCEPTED, REPLIED, FINISHED) == "Hello you\n"


def test_a_snapshot_goes_on_or_begins_anew() -> None:
    snapshot = Frame("snapshot", {"call": "m1", "attempt": 1, "text": "Hello"})
    assert shown(delta("Hel"), snapshot, delta(" you", 5), REPLIED) == "Hello you\n"
    assert shown(delta("Bye"), snapshot, REPLIED) == "Bye\nHello you\n"


def test_a_new_attempt_begins_anew() -> None:
    assert shown(delta("Bro"), delta("Hello", 0), REPLIED) == "Bro\nHello you\n"


CALL = event(2, "tool_call_started", call="m1.0", tool="add", arguments={"a": 1, "b": "x"})
RETURN = event(3, "tool_call_finished", call="m1.0", tool="add", result="3", duration_ms=4.2)


def test_tool_calls() -> None:
    assert shown(CALL, RETURN) == '· add(a=1, b="x")\n  add -> 3 (4 ms)\n'
    failed = event(3, "tool_call_finished", call="m1.0", tool="add", error={"code": "c", "message": "no"})
    assert "add -> no" in shown(CALL, failed)


def test_a_reply_that_overtakes_its_calls_end_waits_for_it() -> None:
    assert shown(CALL, delta("Hello"), RETURN, REPLIED) == '· add(a=1, b="x")\n  add -> 3 (4 ms)\nHello you\n'
    assert shown(CALL, delta("Hello"), REPLIED).endswith("Hello you\n")


def test_failures_limits_and_unknown_frames() -> None:
    text = shown(
        delta("par"),
        event(3, "model_failed", error={"code": "c", "message": "no answer"}),
        event(4, "limit_reached", limit="steps", value=25.0),
        event(5, "run_failed", error={"code": "c", "message": "gave up"}),
        event(6, "of_a_later_release"),
        Frame("progress", {"call": "m1.0", "value": 0.5}),
    )
    assert text == "par\nmodel: no answer\nlimit reached: steps (25)\nfailed: gave up\n  … 50%\n"


# --- chat


def chat(door: FakeDoor, ask: Callable[[str], str] | None = None) -> tuple[Chat, io.StringIO]:
    stream = io.StringIO()
    return Chat(door, CommandOutput(stream=stream), None, None, ask), stream  # type: ignore[arg-type]


def test_turns_stay_on_their_thread() -> None:
    door = FakeDoor([ACCEPTED, FINISHED], [ACCEPTED, FINISHED])
    talk, _ = chat(door)
    talk.say("one")
    talk.say("two")
    assert [body for _, _, body in door.asked] == [{"user_input": "one"}, {"user_input": "two", "thread_id": "t1"}]


@pytest.mark.parametrize("status", ["running", "ended"])
def test_ctrl_c_cancels_the_reply(status: str) -> None:
    door = FakeDoor([ACCEPTED, delta("Hel"), KeyboardInterrupt()], [event(2, "run_cancelled")], status=status)
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
    door = FakeDoor([ACCEPTED, ASKED, event(3, "run_paused")], [event(4, "run_resumed", epoch=1), FINISHED])
    said = iter(["what?", "", "a"])
    questions: list[str] = []
    talk, _ = chat(door, lambda question: questions.append(question) or next(said))  # type: ignore[func-returns-value]
    talk.say("pay")
    assert set(questions) == {"May it? pay(n=9) [approve/deny] "}
    assert ("POST", "/runs/r1/resume", {"answers": [{"approval": "a1", "decision": "approve"}]}) in door.asked
    assert talk.status == "finished"


def test_without_a_human_a_pause_stays_one() -> None:
    talk, _ = chat(FakeDoor([ACCEPTED, ASKED, event(3, "run_paused")]))
    talk.say("pay")
    assert talk.status == "paused"


def test_an_error_is_shown_and_the_conversation_goes_on() -> None:
    talk, stream = chat(FakeDoor([GONE], [ACCEPTED, FINISHED]))
    talk.say("one")
    talk.say("two")
    assert stream.getvalue() == "error: gone\n"
    assert talk.status == "finished"
