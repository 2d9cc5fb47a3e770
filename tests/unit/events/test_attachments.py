"""Which stored files an event names."""

from __future__ import annotations

import pytest

from journeyman.events.attachments import HOLDERS, attached_files
from journeyman.events.events import (
    Event,
    MessageAdded,
    MessageReplaced,
    ModelReplied,
    RunAccepted,
    RunPaused,
    ToolCallFinished,
)
from journeyman.events.messages import FilePart, ImagePart, Message, TextPart, assistant, user

PARTS = (ImagePart(file="f1"), FilePart(file="f2", name="a"))
SHOWN = Message(role="user", content=(TextPart("see"), *PARTS, ImagePart("data:,x")))


@pytest.mark.parametrize(
    "event",
    [
        RunAccepted(thread="ann/t", principal="ann", input=SHOWN),
        MessageAdded(message=SHOWN),
        MessageReplaced(seq=1, message=SHOWN),
        ToolCallFinished(call="m1.1", call_id="c", tool="t", files=PARTS),
    ],
)
def test_the_files_of_messages_and_results_are_found(event: Event) -> None:
    assert attached_files(event) == ("f1", "f2")
    assert type(event) in HOLDERS


@pytest.mark.parametrize(
    "event",
    [
        RunAccepted(thread="ann/t", principal="ann"),
        MessageAdded(message=user("f1")),
        ToolCallFinished(call="m1.1", call_id="c", tool="t", result="f1"),
        ModelReplied(call="m1", model="m", message=assistant("f1")),
        RunPaused(waiting_for=()),
    ],
)
def test_other_events_name_none(event: Event) -> None:
    assert attached_files(event) == ()
