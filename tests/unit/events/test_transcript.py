from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.events.events import (
    DirectCall,
    Failure,
    HumanChange,
    MessageAdded,
    MessageReplaced,
    ModelReplied,
    RunAccepted,
    RunFinished,
    ToolCallFinished,
)
from journeyman.events.messages import Message, Owner, ToolCall, assistant, tool_result, user
from journeyman.events.redaction import redacted_data
from journeyman.events.transcript import in_call_order, message_of, stored_message

replace = msgspec.structs.replace


def test_what_adds_a_message_and_how_it_reads() -> None:
    assert message_of(RunAccepted(thread="a/t", principal="a", input=user("hi"))) == user("hi")
    assert message_of(RunAccepted(thread="a/t", principal="a", direct=DirectCall("clock", {}))) is None
    assert message_of(ModelReplied(call="m1", model="m", message=assistant("yes"))) == assistant("yes")
    assert message_of(MessageAdded(message=user("note"))) == user("note")
    done = ToolCallFinished(call="m1.0", call_id="c", tool="calc", result="4")
    assert message_of(done) == tool_result("c", "calc", "4")
    assert message_of(RunFinished(output="x")) is None


def test_opaque_fields_of_release_0_1_belong_to_the_model_that_replied() -> None:
    old = Message(role="assistant", extra={"reasoning_content": "hm"})
    assert message_of(ModelReplied(call="m1", model="m", message=old)) == replace(old, owner=Owner("m"))
    new = replace(old, owner=Owner("asked", "home"))
    assert message_of(ModelReplied(call="m1", model="m", message=new)) is new
    assert message_of(MessageAdded(message=old)) is old, "who wrote it cannot be told"


def test_an_error_reads_as_compact_json_without_the_id_for_operators() -> None:
    failed = ToolCallFinished(call="m1.0", call_id="c", tool="calc", error=Failure("tool_failed", "no", "err_1"))
    assert message_of(failed) == tool_result("c", "calc", '{"error":{"code":"tool_failed","message":"no"}}')


def told(result: str | None = None, error: Failure | None = None, **change: Any) -> str:
    human = HumanChange(**change)
    event = ToolCallFinished(call="m1.0", call_id="c", tool="pay", result=result, error=error, human=human)
    message = message_of(event)
    assert message is not None
    return message.text


def test_a_result_says_what_a_human_changed() -> None:
    assert told("paid", arguments={"n": 50}) == 'paid\n\n[A human changed the arguments of this call to {"n":50}]'
    written = "[A human said that this call was done, and wrote the result above.]"
    assert told("paid by hand", answered=True) == f"paid by hand\n\n{written}"
    assert told("", answered=True) == "[A human said that this call was done.]"
    both = told("by hand", answered=True, arguments={"n": 50})
    assert both == f'by hand\n\n[A human changed the arguments of this call to {{"n":50}}]\n\n{written}'
    failed = told(error=Failure("tool_failed", "no"), arguments={"n": 50})
    assert failed.startswith('{"error":{"code":"tool_failed","message":"no"}}\n\n[A human changed')


def test_a_sensitive_argument_of_a_human_is_told_to_nobody() -> None:
    text = told("paid", arguments={"n": 50, "card": "4111"}, hidden=("card",))
    assert text.endswith('to {"n":50,"card":"[sensitive]"}]')
    event = ToolCallFinished(
        call="m1.0", call_id="c", tool="pay", result="x", human=HumanChange({"card": "4111"}, ("card",))
    )
    assert b"4111" not in redacted_data(msgspec.json.encode(event))


def test_a_replacement_holds_a_message_but_adds_none() -> None:
    event = MessageReplaced(seq=3, message=user("better"))
    assert message_of(event) is None
    assert stored_message(event) == user("better")


turns = st.lists(
    st.permutations(range(4)).flatmap(lambda order: st.integers(0, 4).map(lambda n: order[:n])), max_size=4
)


@settings(max_examples=60, deadline=None, database=None)
@given(turns)
def test_any_order_of_finishing_gives_the_order_of_the_calls(orders: list[list[int]]) -> None:
    stored: list[Message] = []
    wanted: list[Message] = []
    for number, order in enumerate(orders):
        ids = [f"{number}.{place}" for place in sorted(order)]
        reply = [user("go"), assistant("", *(ToolCall(id, "t", "{}") for id in ids))]
        stored += [*reply, *(tool_result(f"{number}.{place}", "t", "r") for place in order)]
        wanted += [*reply, *(tool_result(id, "t", "r") for id in ids)]
    assert in_call_order(tuple(stored)) == tuple(wanted)
    assert in_call_order(tuple(wanted)) == tuple(wanted)


def test_equal_ids_keep_their_order() -> None:
    reply = assistant("", ToolCall("a", "t", "{}"), ToolCall("a", "t", "{}"))
    results = (tool_result("a", "t", "1"), tool_result("a", "t", "2"))
    ordered = in_call_order((reply, *results))
    assert [message.text for message in ordered[1:]] == ["1", "2"]
    assert in_call_order((results[0],)) == (results[0],)
