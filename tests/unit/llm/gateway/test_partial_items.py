from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from journeyman.errors import ServiceError
from journeyman.llm.gateway.partial_items import PartialItems, text_key
from journeyman.llm.gateway.response_events import ResponseEvent


def call(**fields: Any) -> dict[str, Any]:
    return {"type": "function_call", "name": "now", "arguments": "", **fields}


def test_pieces_belong_to_the_item_of_their_id_and_else_of_their_number() -> None:
    items = PartialItems()
    for number in (0, 1):
        items.announce(ResponseEvent(output_index=number), call(id=f"fc_{number}"))
    items.of(ResponseEvent(item_id="fc_0", output_index=1), "function_call").add_arguments('{"a"')
    items.of(ResponseEvent(item_id="other", output_index=0), "function_call").add_arguments(": 1}")
    items.of(ResponseEvent(output_index=1), "function_call").add_arguments("{}")
    assert [item["arguments"] for item in items.joined([])] == ['{"a": 1}', "{}"]


def test_items_of_unlike_types_share_no_number() -> None:
    items = PartialItems()
    items.of(ResponseEvent(output_index=0), "reasoning").add_text("summary", 0, "summary_text", "hm")
    items.of(ResponseEvent(output_index=0), "message").add_text("content", 0, "output_text", "hi")
    assert [item["type"] for item in items.joined([])] == ["reasoning", "message"]


def test_a_complete_item_replaces_its_pieces_and_keeps_what_it_leaves_out() -> None:
    items = PartialItems()
    items.announce(ResponseEvent(output_index=0), call(id="a", mark=1))
    items.of(ResponseEvent(item_id="a"), "function_call").add_arguments('{"a": 1}')
    items.complete(ResponseEvent(output_index=0), call(id="b", call_id="c"))
    assert items.joined([]) == [call(id="b", call_id="c", mark=1, arguments='{"a": 1}')]


def test_the_items_of_the_last_event_are_completed_by_those_of_the_stream() -> None:
    items = PartialItems()
    items.complete(ResponseEvent(), {"type": "reasoning", "id": "r", "encrypted_content": "sealed"})
    items.complete(ResponseEvent(), call(call_id="c", arguments='{"a": 1}'))
    items.complete(ResponseEvent(), {"type": "program", "id": "p"})
    final = [{"type": "reasoning", "id": "other", "encrypted_content": None}, call(call_id="c", arguments="{}")]
    assert items.joined(final) == [
        {"type": "reasoning", "id": "other", "encrypted_content": "sealed"},
        call(call_id="c", arguments='{"a": 1}'),
        {"type": "program", "id": "p"},
    ]


def test_an_item_that_is_announced_twice_is_one() -> None:
    items = PartialItems()
    for name in ("no", "now"):
        items.announce(ResponseEvent(output_index=0), call(id="a", name=name))
    assert items.joined([]) == [call(id="a")]


def test_a_complete_call_with_another_id_is_known_by_its_call_id() -> None:
    items = PartialItems()
    for number in (0, 1):
        items.announce(ResponseEvent(output_index=0), call(id=f"a{number}", call_id=f"c{number}", mark=number))
    items.complete(ResponseEvent(output_index=0), call(id="b1", call_id="c1"))
    assert items.joined([]) == [call(id="a0", call_id="c0", mark=0), call(id="b1", call_id="c1", mark=1)]


def test_an_item_of_the_last_event_is_that_of_its_id_then_of_its_call_then_of_its_type() -> None:
    items = PartialItems()
    for number in (0, 1):
        items.complete(ResponseEvent(), {"type": "reasoning", "id": f"r{number}", "encrypted_content": f"s{number}"})
        items.complete(ResponseEvent(), call(id=f"f{number}", call_id=f"c{number}", arguments=f'{{"a": {number}}}'))
    final = [
        {"type": "reasoning", "id": "other"},
        {"type": "reasoning", "id": "r0"},
        call(id="g1", call_id="c1"),
        call(id="g0", call_id="c0"),
    ]
    assert items.joined(final) == [
        {"type": "reasoning", "id": "other", "encrypted_content": "s1"},
        {"type": "reasoning", "id": "r0", "encrypted_content": "s0"},
        call(id="g1", call_id="c1", arguments='{"a": 1}'),
        call(id="g0", call_id="c0", arguments='{"a": 0}'),
    ]


def test_a_text_that_the_last_event_leaves_out_is_kept() -> None:
    items = PartialItems()
    items.of(ResponseEvent(), "message").add_text("content", 0, "output_text", "hi")
    part = {"type": "output_text", "annotations": []}
    [item] = items.joined([{"type": "message", "id": "m", "content": [{**part, "text": ""}]}])
    assert item == {"type": "message", "id": "m", "role": "assistant", "content": [{**part, "text": "hi"}]}


def test_items_are_in_the_order_of_their_numbers_if_these_are_distinct() -> None:
    items = PartialItems()
    for number in (1, 0):
        items.complete(ResponseEvent(output_index=number), call(id=str(number)))
    assert [item["id"] for item in items.joined([])] == ["0", "1"]


def add_parts(items: PartialItems) -> None:
    item = items.of(ResponseEvent(output_index=0), "reasoning")
    for number in range(5000):
        item.add_text("content", number, "reasoning_text", "x")


def add_items(items: PartialItems) -> None:
    for number in range(2000):
        items.announce(ResponseEvent(output_index=number), call(id=str(number)))


@pytest.mark.parametrize(("add", "why"), [(add_parts, "4096 parts"), (add_items, "1024 output items")])
def test_too_many_items_and_parts_are_refused(add: Callable[[PartialItems], None], why: str) -> None:
    with pytest.raises(ServiceError, match=why):
        add(PartialItems())


def test_the_key_of_a_text() -> None:
    assert (text_key("refusal"), text_key("output_text"), text_key("summary_text")) == ("refusal", "text", "text")
