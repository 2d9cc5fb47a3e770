"""Sensitive arguments are redacted wherever an event holds them."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from journeyman.events.codec import Codec, Entry
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    ContextChanged,
    DirectCall,
    Event,
    MessageReplaced,
    ModelReplied,
    RunAccepted,
    ToolCallStarted,
)
from journeyman.events.messages import Message, ToolCall
from journeyman.events.redaction import REDACTED, redacted_arguments, redacted_draft, redacted_message

ARGUMENTS = {"user": "ann", "password": "hunter22"}
CALL = ToolCall("c1", "login", msgspec.json.encode(ARGUMENTS).decode(), hidden=("password",))
REPLY = Message(role="assistant", tool_calls=(CALL, ToolCall("c2", "look", '{"password":"kept"}')))


def seen(event: Event) -> str:
    draft = Codec().draft(event)
    entry = redacted_draft(Entry("run_1", 1, draft.type, draft.v, 0, draft.data))
    assert type(entry.event) is type(event)
    return entry.data.decode()


def test_every_event_that_holds_arguments_hides_them() -> None:
    given: dict[str, object] = {"arguments": ARGUMENTS, "hidden": ("password",)}
    events: list[Event] = [
        RunAccepted(thread="a/t", principal="a", direct=DirectCall("login", ARGUMENTS, ("password",))),
        ModelReplied(call="m1", model="m", message=REPLY),
        MessageReplaced(seq=4, message=REPLY),
        ToolCallStarted(call="m1.0", call_id="c1", tool="login", idempotency_key="k", **given),  # type: ignore[arg-type]
        ApprovalRequested(approval="a1", kind="tool", tool="login", **given),  # type: ignore[arg-type]
        ApprovalGiven(approval="a1", decision="approve", by="b", **given),  # type: ignore[arg-type]
    ]
    for event in events:
        text = seen(event)
        assert "hunter22" not in text, type(event)
        assert ("ann" in text, REDACTED in text) == (True, True)
    assert '{\\"password\\":\\"kept\\"}' in seen(events[1])


def test_data_of_users_that_looks_alike_is_shown() -> None:
    patch = {"hidden": ["password"], "arguments": ARGUMENTS}
    assert "hunter22" in seen(ContextChanged(scope="thread", patch=patch))
    assert "hunter22" in seen(RunAccepted(thread="a/t", principal="a", context=patch))


def test_messages_hide_them_too_and_others_are_the_same_object() -> None:
    assert "hunter22" not in redacted_message(REPLY).tool_calls[0].arguments
    other = Message(role="assistant", tool_calls=(ToolCall("c2", "look", "{}"),))
    assert redacted_message(other) is other


@given(st.text(), st.sets(st.text(max_size=3), min_size=1))
def test_text_that_is_no_object_is_hidden_whole(text: str, hidden: set[str]) -> None:
    shown = redacted_arguments(text, hidden)
    if shown != REDACTED:
        arguments = msgspec.json.decode(shown)
        assert all(arguments[name] == REDACTED for name in hidden & arguments.keys())
