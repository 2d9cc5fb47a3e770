"""Messages and usage, and text that is made fit to store."""

from __future__ import annotations

import pytest

from journeyman.events.messages import (
    ImagePart,
    Message,
    TextPart,
    ToolCall,
    Usage,
    assistant,
    system,
    tool_result,
    user,
    valid_text,
)


def test_the_text_of_a_message_is_that_of_its_text_parts() -> None:
    message = Message(role="user", content=(TextPart("a "), ImagePart("https://x.example/i.png"), TextPart("b")))
    assert message.text == "a b"


def test_each_role_has_a_short_form() -> None:
    call = ToolCall("c1", "look", "{}")
    assert [message.role for message in (user("a"), system("b"), assistant("c"), tool_result("c1", "look", "d"))] == [
        "user",
        "system",
        "assistant",
        "tool",
    ]
    assert (assistant("", call).content, assistant("", call).tool_calls) == ((), (call,))
    assert (tool_result("c1", "look", "d").tool_call_id, tool_result("c1", "look", "d").name) == ("c1", "look")


def test_usage_adds_up_and_costs_nothing_known_until_somebody_says_it() -> None:
    assert Usage(1, 2, 3) + Usage(10, 20, 30) == Usage(11, 22, 33)
    assert (Usage(cost_usd=0.25) + Usage()).cost_usd == 0.25
    assert (Usage(cost_usd=0.25) + Usage(cost_usd=0.5)).cost_usd == 0.75


@pytest.mark.parametrize(
    ("text", "stored"), [("plain ä 😀", "plain ä 😀"), ("a\x00b", "ab"), ("half \ud83d end", "half \ufffd end")]
)
def test_text_is_stored_as_unicode_without_nul(text: str, stored: str) -> None:
    assert valid_text(text) == stored
    valid_text(text).encode()
