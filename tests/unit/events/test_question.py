"""What a run was asked, in a few words."""

from __future__ import annotations

import pytest

from journeyman.events.messages import ImagePart, Message, TextPart, user
from journeyman.events.question import QUESTION_CHARACTERS, question_of


@pytest.mark.parametrize(
    ("message", "tool", "question"),
    [
        (user("  Where is\n order 7?\t"), None, "Where is order 7?"),
        (user("x" * 500), None, "x" * (QUESTION_CHARACTERS - 1) + "…"),
        (Message(role="user", content=(TextPart("Look:"), ImagePart(file="f1"))), None, "Look: [image]"),
        (None, "pay", "pay"),
        (None, None, ""),
    ],
)
def test_a_question_is_one_short_line(message: Message | None, tool: str | None, question: str) -> None:
    assert question_of(message, tool) == question
