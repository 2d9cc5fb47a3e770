from __future__ import annotations

from typing import Any

import msgspec

from journeyman.events.messages import Message, Owner, TextPart, ToolCall
from journeyman.llm.gateway.output_items import OUTPUT, item_ids, item_names, reply_message, sent_call_id, sent_items

OWNER = Owner("m", "", "responses")
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": "{}", "status": "done"}


def spoken(*texts: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": content, **fields}


def stored(*items: dict[str, Any]) -> Message:
    return msgspec.structs.replace(reply_message(items, ("add",), ended_well=True), owner=OWNER)


def test_items_come_back_as_they_came_and_no_text_is_stored_twice() -> None:
    items = [REASONING, spoken("Let me ", "add.", phase="commentary"), CALL, {"type": "program", "code": "1"}]
    message = stored(*items)
    assert sent_items(message) == items
    assert message.content == (TextPart("Let me "), TextPart("add."))
    assert message.tool_calls == (ToolCall("call_1", "add", "{}", extra={"id": "fc_1", "status": "done"}),)
    kept = msgspec.json.encode(message.extra[OUTPUT])
    assert b"Let me" not in kept
    assert b"arguments" not in kept


def test_a_message_of_one_text_without_parts_comes_back() -> None:
    item = {"type": "message", "role": "assistant", "content": "hello"}
    assert sent_items(stored(item)) == [item]
    assert stored(item).text == "hello"


def test_an_edited_message_is_sent_anew_and_without_the_ids_of_the_old_one() -> None:
    message = stored(REASONING, spoken("old"), CALL)
    edited = msgspec.structs.replace(message, content=(TextPart("new"),), extra={})
    new = {"type": "message", "role": "assistant", "content": "new"}
    assert sent_items(edited) == [new, {key: CALL[key] for key in ("type", "call_id", "name", "arguments")}]
    longer = msgspec.structs.replace(message, content=(TextPart("one"), TextPart("two")))
    assert sent_items(longer)[0] == {**new, "content": "onetwo"}
    fewer = msgspec.structs.replace(message, tool_calls=())
    assert sent_items(fewer) == [{**new, "content": "old"}]


def test_an_item_without_text_is_not_sent() -> None:
    message = msgspec.structs.replace(stored(REASONING, spoken("\n"), CALL), content=())
    assert sent_items(message) == [REASONING, CALL]
    assert sent_items(stored(spoken(""), CALL)) == [CALL]
    assert sent_items(stored(spoken("a", ""), CALL)) == [spoken("a"), CALL]


def test_reasoning_that_says_nothing_is_not_sent() -> None:
    alone = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": None}
    assert sent_items(stored(alone, CALL)) == [CALL]


def test_refused_types_and_fields_are_left_out() -> None:
    message = stored(REASONING, spoken("hi", phase="final_answer"), CALL)
    without_id = {key: value for key, value in CALL.items() if key != "id"}
    plain = {key: value for key, value in spoken("hi", phase="final_answer").items() if key != "id"}
    assert sent_items(message, {"reasoning"}) == [plain, without_id], "ids tell OpenAI that there was reasoning"
    sent = sent_items(message, {"phase", "annotations", "status"})
    content = [{"type": "output_text", "text": "hi"}]
    assert sent[1] == {"type": "message", "id": "msg_1", "role": "assistant", "content": content}
    assert "status" not in sent[2]


def test_the_names_and_ids_of_items_are_those_of_their_owner() -> None:
    messages = [stored(REASONING, spoken("hi", phase="final_answer"), CALL)]
    named = {"reasoning", "id", "summary", "encrypted_content", "phase", "annotations", "status"}
    assert item_names(messages, OWNER) == named
    assert item_ids(messages, OWNER) == {"rs_1", "msg_1", "fc_1"}
    assert item_names(messages, Owner("m")) == item_ids(messages, Owner("m")) == frozenset()


def test_ids_that_are_too_long_are_not_sent() -> None:
    long = "x" * 65
    message = stored({**REASONING, "id": long}, {**CALL, "id": long, "call_id": long})
    reasoning, call = sent_items(message)
    assert reasoning == {key: value for key, value in REASONING.items() if key != "id"}
    assert call == {**{key: value for key, value in CALL.items() if key != "id"}, "call_id": sent_call_id(long)}
    assert len(sent_call_id(long)) < 64
    assert sent_call_id(long) != sent_call_id(long + "x")
    assert sent_call_id("x" * 64) == "x" * 64


def test_a_call_without_call_id_has_the_id_of_its_item() -> None:
    message = stored({"type": "function_call", "id": "fc_9", "name": "functions.add", "arguments": {"a": 1}})
    assert message.tool_calls == (ToolCall("fc_9", "add", '{"a":1}', extra={"id": "fc_9"}),)


def test_names_and_arguments_are_repaired_when_they_are_sent() -> None:
    message = reply_message([{**CALL, "name": "a b", "arguments": "{"}], (), ended_well=False)
    [call] = sent_items(msgspec.structs.replace(message, owner=OWNER))
    assert isinstance(call, dict)
    assert (call["name"], call["arguments"]) == ("a_b", '{"not_json":"{"}')


def test_calls_beyond_the_most_are_dropped_with_their_items() -> None:
    calls = [{**CALL, "call_id": f"call_{number}"} for number in range(1500)]
    message = stored(spoken("Much."), *calls)
    assert (len(message.tool_calls), message.dropped_calls) == (1024, 476)
    assert len(message.extra[OUTPUT]) == 1 + 1024
    assert len(sent_items(message)) == 1 + 1024
