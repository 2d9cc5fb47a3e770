"""What of a conversation is its history, its new message, and its hash."""

from __future__ import annotations

from typing import Any

import msgspec

from journeyman.api.protocols.openai_messages import ChatMessage, said_of, turn_of
from journeyman.events.messages import FilePart, ImagePart, TextPart


def messages(*given: tuple[str, Any]) -> list[ChatMessage]:
    return msgspec.convert([{"role": role, "content": content} for role, content in given], list[ChatMessage])


def test_what_a_client_sends_back_has_the_hash_of_what_it_got() -> None:
    first = messages(("system", "Be brief."), ("user", "hi"))
    after = said_of("a", first, "Hello ")
    again = messages(("system", "Be brief."), ("user", "hi"), ("assistant", " Hello"), ("user", "more"))
    assert turn_of("a", again).said == after
    assert turn_of("b", again).said != after
    other = messages(("system", "Be long."), ("user", "hi"), ("assistant", "Hello"), ("user", "more"))
    assert turn_of("a", other).said != after


def test_text_in_parts_is_the_same_text() -> None:
    parts = messages(("user", [{"type": "text", "text": "hi"}]))
    assert said_of("a", parts, "x") == said_of("a", messages(("user", "hi")), "x")
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    picture = messages(("user", [{"type": "text", "text": "hi"}, image]))
    assert said_of("a", picture, "x") != said_of("a", parts, "x")


def test_instructions_alone_are_no_history_and_no_prompt() -> None:
    turn = turn_of("a", messages(("system", "Be brief."), ("developer", "And kind."), ("user", "hi")))
    assert turn.said == ""
    assert [each.role for each in turn.seed] == ["user", "user"]
    assert [each.text.splitlines()[1] for each in turn.seed] == ["Be brief.", "And kind."]
    assert turn.input.text == "hi"


def test_all_new_messages_are_one_input() -> None:
    turn = turn_of("a", messages(("user", "a"), ("assistant", "b"), ("user", "c"), ("system", "d"), ("user", "e")))
    assert turn.input.text == "c\n\n[Instructions that came with the conversation]\nd\n\ne"
    assert [each.text for each in turn.seed] == ["a", "b"]


def test_pictures_and_files_are_parts() -> None:
    content = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "file", "file": {"file_data": "data:,x", "filename": "x.txt"}},
        {"type": "file", "file": {"file_id": "file_1"}},
    ]
    assert turn_of("a", messages(("user", content))).input.content == (
        TextPart("see"),
        ImagePart("data:image/png;base64,AA=="),
        FilePart("data:,x", "x.txt"),
        FilePart("", "", "file_1"),
    )
