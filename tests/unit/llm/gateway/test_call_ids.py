"""Ids of tool calls as they are sent: each once, and in a form that the model's server takes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.events.messages import Message, Owner, ToolCall, assistant, tool_result, user
from journeyman.llm.client import ModelReply
from journeyman.llm.gateway.call_ids import with_sent_ids
from journeyman.llm.gateway.opaque import owned

OWN, OTHER = Owner("m"), Owner("other")
replace = msgspec.structs.replace


def turn(*ids: str, owner: Owner | None = None) -> list[Message]:
    """A reply with calls of these ids, and their results in order."""
    reply = replace(assistant("", *(ToolCall(id, "t", "{}") for id in ids)), owner=owner)
    return [user("go"), reply, *(tool_result(id, "t", f"{place}") for place, id in enumerate(ids))]


def calls(messages: Sequence[Message]) -> list[str]:
    return [call.id for message in messages for call in message.tool_calls]


def results(messages: Sequence[Message]) -> list[str | None]:
    return [message.tool_call_id for message in messages if message.role == "tool"]


def test_messages_whose_ids_are_fine_are_the_same_object() -> None:
    messages = (*turn("call_1", "call_2"), *turn("call_3"))
    assert with_sent_ids(messages, OWN) is messages


@pytest.mark.parametrize("owner", [None, OWN, OTHER])
def test_an_id_that_was_used_before_is_replaced_for_every_model(owner: Owner | None) -> None:
    sent = with_sent_ids([*turn("call_1", "call_2", owner=owner), *turn("call_1", owner=owner), *turn("call_1")], OWN)
    assert calls(sent) == results(sent) == ["call_1", "call_2", "call_1_2", "call_1_3"]


def test_equal_ids_in_one_reply_keep_their_results() -> None:
    sent = with_sent_ids(turn("a", "a", "a"), OWN)
    assert calls(sent) == results(sent) == ["a", "a_2", "a_3"]
    assert [message.text for message in sent if message.role == "tool"] == ["0", "1", "2"]


ODD = ["functions.lookup:0", "x" * 41, "call__thought__" + "A/+=" * 30, "é", "a b", "\u2028"]


@pytest.mark.parametrize("id", ODD)
def test_an_id_of_another_form_goes_to_its_model_alone(id: str) -> None:
    assert calls(with_sent_ids(turn(id, owner=OWN), OWN)) == [id]
    for sent_to in (OTHER, Owner("m", "elsewhere")):
        sent = with_sent_ids(turn(id, owner=OWN), sent_to)
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", calls(sent)[0])
        assert calls(sent) == results(sent)


def test_a_long_id_that_is_used_twice_stays_within_the_length() -> None:
    sent = with_sent_ids([*turn("x" * 40), *turn("x" * 40)], OWN)
    assert calls(sent) == results(sent) == ["x" * 40, "x" * 38 + "_2"]


def test_an_empty_id_becomes_one() -> None:
    sent = with_sent_ids([*turn(""), *turn("")], OWN)
    assert calls(sent) == results(sent) == ["call", "call_2"]


def test_a_replacement_does_not_take_an_id_that_comes_later() -> None:
    sent = with_sent_ids([*turn("a"), *turn("a"), *turn("a_2")], OWN)
    assert len(set(calls(sent))) == 3
    assert calls(sent) == results(sent)


def test_a_reply_with_ids_of_its_own_form_has_an_owner() -> None:
    odd = ModelReply(message=assistant("", ToolCall("functions.t:0", "t", "{}")), model="m")
    assert owned(odd, OWN).message.owner == OWN
    plain = ModelReply(message=assistant("", ToolCall("call_1", "t", "{}")), model="m")
    assert owned(plain, OWN) is plain


ids = st.sampled_from(["a", "a_2", "b", "", "é", "x" * 41, "a.b", "a:b"])
turns = st.lists(st.tuples(st.lists(ids, min_size=1, max_size=4), st.sampled_from([None, OWN, OTHER])), max_size=6)


@settings(max_examples=150, deadline=None, database=None)
@given(turns)
def test_every_request_has_each_id_once_and_results_keep_their_calls(
    drawn: list[tuple[list[str], Owner | None]],
) -> None:
    messages = [message for given, owner in drawn for message in turn(*given, owner=owner)]
    sent = with_sent_ids(messages, OWN)
    assert len(set(calls(sent))) == len(calls(sent))
    assert calls(sent) == results(sent)
    assert with_sent_ids(sent, OWN) is sent, "it is repaired once and stays"
    for cut in range(len(messages)):
        assert list(with_sent_ids(messages[:cut], OWN)) == list(sent[:cut]), "a longer thread begins alike, for caches"
