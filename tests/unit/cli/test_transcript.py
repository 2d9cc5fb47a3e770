from __future__ import annotations

import io

from journeyman.cli.client.api_client import Frame
from journeyman.cli.output import CommandOutput
from journeyman.cli.screen import PlainScreen
from journeyman.cli.transcript import Transcript
from tests.harness.scripted_api_client import ACCEPTED, FINISHED, REPLIED, delta, event


def shown(*frames: Frame) -> str:
    stream = io.StringIO()
    transcript = Transcript(PlainScreen(CommandOutput(stream=stream)))
    for frame in frames:
        transcript.show(frame)
    return stream.getvalue()


def test_a_streamed_reply_is_printed_once() -> None:
    assert shown(ACCEPTED, delta("Hel"), delta("lo you", 3), REPLIED, FINISHED) == "Hello you\n"
    assert shown(ACCEPTED, REPLIED, FINISHED) == "Hello you\n"


def test_a_snapshot_continues_the_reply_or_replaces_it() -> None:
    snapshot = Frame("snapshot", {"call": "m1", "attempt": 1, "text": "Hello"})
    assert shown(delta("Hel"), snapshot, delta(" you", 5), REPLIED) == "Hello you\n"
    assert shown(delta("Bye"), snapshot, REPLIED) == "Bye\nHello you\n"


def test_a_new_attempt_begins_a_new_line() -> None:
    assert shown(delta("Bro"), delta("Hello", 0), REPLIED) == "Bro\nHello you\n"


CALL = event(2, "tool_call_started", call="m1.0", tool="add", arguments={"a": 1, "b": "x"})


RETURN = event(3, "tool_call_finished", call="m1.0", tool="add", result="3", duration_ms=4.2)


def test_tool_calls() -> None:
    assert shown(CALL, RETURN) == '· add(a=1, b="x")\n  add -> 3 (4 ms)\n'
    failed = event(3, "tool_call_finished", call="m1.0", tool="add", error={"code": "c", "message": "no"})
    assert "add -> no" in shown(CALL, failed)
    files = [{"type": "image", "file": "file_1"}]
    drawn = event(3, "tool_call_finished", call="m1.0", tool="add", result="3", duration_ms=4.2, files=files)
    assert "  add -> 3 + file_1 (4 ms)" in shown(CALL, drawn)


def test_text_that_arrives_before_the_end_of_a_call_waits_for_it() -> None:
    assert shown(CALL, delta("Hello"), RETURN, REPLIED) == '· add(a=1, b="x")\n  add -> 3 (4 ms)\nHello you\n'
    assert shown(CALL, delta("Hello"), REPLIED).endswith("Hello you\n")


def test_text_that_arrives_before_the_end_of_a_refused_call_waits_for_it() -> None:
    asked = event(2, "approval_requested", approval="a1", kind="tool", call="m1.0", tool="add", decisions=["deny"])
    denied = event(3, "approval_given", approval="a1", decision="deny")
    refused = event(4, "tool_call_finished", call="m1.0", tool="add", error={"code": "c", "message": "refused"})
    assert shown(asked, denied, delta("It was"), refused, REPLIED).startswith("  add -> refused (0 ms)\nIt was")


def test_text_after_the_answer_to_a_limit_is_streamed() -> None:
    asked = event(2, "approval_requested", approval="a1", kind="limit", call="", tool="", decisions=["approve"])
    assert shown(asked, event(3, "approval_given", approval="a1", decision="approve"), delta("It")) == "It"


def test_a_reply_after_a_call_is_streamed() -> None:
    """The text is printed while it arrives, not only with the model's complete reply."""
    assert shown(CALL, delta("Hel"), RETURN).endswith("(4 ms)\nHel")
    assert shown(CALL, RETURN, delta("Hel"), delta("lo", 3)).endswith("(4 ms)\nHello")


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


def test_a_cancelled_model_call_is_told_by_the_end_of_the_run() -> None:
    failed = event(2, "model_failed", call="m1", error={"code": "cancelled", "message": "The run ended."})
    assert shown(delta("Hel"), failed, event(3, "run_cancelled")) == "Hel\ncancelled\n"
