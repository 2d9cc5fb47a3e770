from __future__ import annotations

import pytest

from journeyman.events.messages import (
    ImagePart,
    Message,
    Owner,
    TextPart,
    ToolCall,
    assistant,
    system,
    tool_result,
    user,
)
from journeyman.llm.gateway.sent_messages import sent_messages

OWNER = Owner("m")
CALL = ToolCall("c", "t", "{}")


def sent(*messages: Message) -> list[Message]:
    return sent_messages(messages, OWNER)


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_a_reply_that_says_nothing_is_not_sent_and_its_neighbours_are_joined(text: str) -> None:
    blank = Message(role="assistant", content=(TextPart(text),), extra={"reasoning": "hm"}, owner=OWNER)
    stored = (system("s"), user("a"), blank, user("b"), assistant("c"))
    assert sent(*stored) == [system("s"), user("a\n\nb"), assistant("c")]
    assert sent(user("a"), assistant(""), blank, user("b"), blank, user("c")) == [user("a\n\nb\n\nc")]
    assert sent(user("a"), blank) == [user("a")]


def test_user_messages_without_a_reply_between_them_stay_apart() -> None:
    assert sent(user("a"), user("b"), assistant(""), system("c"), user("d")) == [
        user("a"),
        user("b"),
        system("c"),
        user("d"),
    ]


def test_messages_with_pictures_are_joined_part_by_part() -> None:
    picture = Message(role="user", content=(ImagePart("https://x/i.png"),))
    assert sent(picture, assistant(""), user("what is it?")) == [
        Message(role="user", content=(ImagePart("https://x/i.png"), TextPart("what is it?")))
    ]


def test_a_reply_of_calls_or_opaque_parts_alone_is_sent() -> None:
    drawn = Message(role="assistant", extra={"content": [{"type": "image"}]}, owner=OWNER)
    assert sent(user("a"), assistant("", CALL), tool_result("c", "t", "r"), drawn) == [
        user("a"),
        assistant("", CALL),
        tool_result("c", "t", "r"),
        drawn,
    ]
    other = sent_messages((user("a"), drawn, user("b")), Owner("other"))
    assert other == [user("a\n\nb")], "nothing of it is for another model"


@pytest.mark.parametrize("content", [(), (TextPart(""),), (TextPart(" "), TextPart("\n"))])
def test_an_empty_tool_result_says_so(content: tuple[TextPart, ...]) -> None:
    result = Message(role="tool", content=content, tool_call_id="c", name="t")
    assert sent(assistant("", CALL), result)[1] == tool_result("c", "t", "(no output)")


def test_a_user_message_of_white_space_says_so() -> None:
    assert sent(user(" "), assistant("a"), user("b")) == [user("(no text)"), assistant("a"), user("b")]


def test_white_space_beside_calls_is_left_out() -> None:
    asked = Message(role="assistant", content=(TextPart("\n"),), tool_calls=(CALL,))
    assert sent(user("a"), asked)[1] == assistant("", CALL)


def test_a_stopped_reply_is_its_text_alone() -> None:
    stopped = Message(
        role="assistant",
        content=(TextPart("so f"),),
        tool_calls=(CALL,),
        partial=True,
        extra={"signature": "s"},
        owner=OWNER,
    )
    assert sent(user("a"), stopped, user("b")) == [user("a"), assistant("so f"), user("b")]
    assert sent(user("a"), Message(role="assistant", partial=True), user("b")) == [user("a\n\nb")]
