"""Stored results come in the order in which calls finished; models get them in the order of the calls."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.events.messages import Message, ToolCall, assistant, tool_result, user
from journeyman.events.transcript import in_call_order

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
