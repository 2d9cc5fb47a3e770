from __future__ import annotations

from journeyman.events.events import (
    DirectCall,
    Failure,
    MessageAdded,
    MessageReplaced,
    ModelReplied,
    RunAccepted,
    RunFinished,
    ToolCallFinished,
)
from journeyman.events.messages import assistant, tool_result, user
from journeyman.events.transcript import message_of, stored_message


def test_what_adds_a_message_and_how_it_reads() -> None:
    assert message_of(RunAccepted(thread="a/t", principal="a", input=user("hi"))) == user("hi")
    assert message_of(RunAccepted(thread="a/t", principal="a", direct=DirectCall("clock", {}))) is None
    assert message_of(ModelReplied(call="m1", model="m", message=assistant("yes"))) == assistant("yes")
    assert message_of(MessageAdded(message=user("note"))) == user("note")
    done = ToolCallFinished(call="m1.0", call_id="c", tool="calc", result="4")
    assert message_of(done) == tool_result("c", "calc", "4")
    assert message_of(RunFinished(output="x")) is None


def test_an_error_reads_as_compact_json_without_the_id_for_operators() -> None:
    failed = ToolCallFinished(call="m1.0", call_id="c", tool="calc", error=Failure("tool_failed", "no", "err_1"))
    assert message_of(failed) == tool_result("c", "calc", '{"error":{"code":"tool_failed","message":"no"}}')


def test_a_replacement_holds_a_message_but_adds_none() -> None:
    event = MessageReplaced(seq=3, message=user("better"))
    assert message_of(event) is None
    assert stored_message(event) == user("better")
