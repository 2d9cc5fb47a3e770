from __future__ import annotations

import pytest

from journeyman.events.messages import assistant, system, tool_result, user
from journeyman.llm.offline.asking import Asked, ask_for_arguments, asked_before, is_withdrawn, values_in_reply

CITY = {"type": "string", "description": "Oslo or Rome."}


def test_the_question_says_what_may_be_said():
    missing = {
        ("city",): CITY,
        ("size",): {"enum": ["small", "large", "huge"]},
        ("only",): {"enum": [1]},
        ("item", "topping"): {"type": "string", "examples": ["ham"]},
        ("count",): {"type": "integer"},
        ("note",): {"type": "string"},
    }
    assert ask_for_arguments("order", missing).splitlines() == [
        "I need more to call order:",
        "- city: Oslo or Rome.",
        "- size: small, large or huge",
        "- only: 1",
        "- item.topping: such as ham",
        "- count: a whole number",
        "- note",
    ]


def test_a_reply_belongs_to_the_question_before_it():
    asks, other = (assistant(ask_for_arguments(name, {("city",): CITY})) for name in ("order", "pay"))
    talk = (system("Help."), user("hello"), assistant("Hi."), user("a"), asks, user("b"), asks, user("c"))
    assert asked_before(talk) == Asked("order", ("a", "b", "c"))
    assert asked_before((user("a"), other, user("b"), asks, user("c"))) == Asked("order", ("b", "c"))
    assert asked_before((*talk, tool_result("c", "order", "done"))) is None
    assert asked_before((user("a"), assistant("Hi."), user("b"))) is None
    assert asked_before((asks, user("b"))) is None
    assert asked_before((user("a"),)) is None
    assert asked_before(()) is None


@pytest.mark.parametrize(
    ("reply", "missing", "values"),
    [
        ("Paris.", {("city",): CITY}, {("city",): "Paris"}),
        ("'New York'", {("city",): CITY}, {("city",): "New York"}),
        ("Oslo to Rome", {("a",): CITY, ("b",): CITY}, {("a",): "Oslo", ("b",): "Rome"}),
        ("Oslo", {("a",): CITY, ("b",): CITY}, {}),
        ("what cities are there?", {("city",): CITY}, {}),
        ("x" * 300, {("city",): CITY}, {}),
        ("", {("city",): CITY}, {}),
        ("huge", {("size",): {"enum": ["small"]}}, {}),
        ("Yes", {("gift",): {"type": "boolean"}}, {("gift",): True}),
        ("perhaps", {("gift",): {"type": "boolean"}}, {}),
        ("some", {("count",): {"type": "integer"}}, {}),
    ],
)
def test_a_bare_reply_is_the_value(reply, missing, values):
    assert values_in_reply(reply, missing) == values


def test_a_call_can_be_withdrawn():
    assert is_withdrawn("never mind.")
    assert is_withdrawn("No")
    assert not is_withdrawn("no sugar")
