"""ReplyText: one growing text out of deltas, replies and attempts."""

from __future__ import annotations

from journeyman.api.protocols.reply_text import ReplyText


def test_deltas_are_passed_on_and_the_reply_adds_what_is_missing() -> None:
    reply = ReplyText()
    assert [reply.delta("m1", 1, 0, "Hel"), reply.delta("m1", 1, 3, "lo"), reply.replied("m1", 1, "Hello you")] == [
        "Hel", "lo", " you",
    ]  # fmt: skip
    assert reply.ended("Hello you") == ""
    assert reply.sent == "Hello you"


def test_a_second_reply_is_set_apart() -> None:
    reply = ReplyText()
    reply.replied("m1", 1, "Let me look.")
    assert reply.delta("m2", 1, 0, "It is") == "\n\nIt is"
    assert reply.replied("m2", 1, "It is there.") == " there."
    assert reply.sent == "Let me look.\n\nIt is there."


def test_a_repeated_call_that_says_the_same_is_not_sent_twice() -> None:
    reply = ReplyText()
    reply.delta("m1", 1, 0, "Hello")
    assert [reply.delta("m1", 2, 0, "He"), reply.delta("m1", 2, 2, "llo"), reply.replied("m1", 2, "Hello!")] == [
        "", "", "!",
    ]  # fmt: skip
    assert reply.sent == "Hello!"


def test_a_repeated_call_that_says_otherwise_begins_anew() -> None:
    reply = ReplyText()
    reply.delta("m1", 1, 0, "Hello")
    assert reply.replied("m1", 2, "Good day") == "\n\nGood day"


def test_the_answer_is_sent_if_it_is_none_of_the_replies() -> None:
    reply = ReplyText()
    assert reply.delta("node.m1", 1, 0, "inner") == ""
    assert reply.replied("node.m1", 1, "inner") == ""
    assert reply.ended("outer") == "outer"


def test_an_empty_reply_is_nothing() -> None:
    reply = ReplyText()
    assert [reply.replied("m1", 1, ""), reply.replied("m2", 1, "x"), reply.ended("x")] == ["", "x", ""]
