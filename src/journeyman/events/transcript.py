"""Which events are messages of a conversation, and how each reads to a model."""

from __future__ import annotations

import msgspec

from journeyman.events.events import (
    Event,
    Failure,
    MessageAdded,
    MessageReplaced,
    ModelReplied,
    RunAccepted,
    ToolCallFinished,
)
from journeyman.events.messages import Message, tool_result


def message_of(event: Event) -> Message | None:
    """The message that an event adds to its thread, or None.

    The caller knows two things that an event does not: a run with `direct` adds no messages at all, and a
    RunAccepted adds its own only when the run starts.
    """
    if isinstance(event, ModelReplied | MessageAdded):
        return event.message
    if isinstance(event, ToolCallFinished):
        return tool_result(event.call_id, event.tool, _reading(event))
    if isinstance(event, RunAccepted):
        return event.input
    return None


def stored_message(event: Event) -> Message | None:
    """The message whose text an event holds: what it adds, or what it puts in the place of another."""
    return event.message if isinstance(event, MessageReplaced) else message_of(event)


def error_text(error: Failure) -> str:
    """A failed call as the model reads it: compact JSON, without the id that is for operators."""
    return msgspec.json.encode({"error": {"code": error.code, "message": error.message}}).decode()


def _reading(event: ToolCallFinished) -> str:
    return error_text(event.error) if event.error is not None else event.result or ""


def in_call_order(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Stored tool results stand in the order in which they finished; models want the order of the calls."""
    ordered: list[Message] = []
    ranks: dict[str | None, int] = {}
    start = 0  # where the results of the last reply begin
    for message in messages:
        if message.role == "assistant":
            ranks = {call.id: rank for rank, call in enumerate(message.tool_calls)}
            start = len(ordered) + 1
        ordered.append(message)
        if message.role == "tool" and len(ordered) - start > 1:
            ordered[start:] = sorted(ordered[start:], key=lambda result: ranks.get(result.tool_call_id, len(ranks)))
    return tuple(ordered)
