"""Which events are messages of a conversation, and the message that a model reads for each."""

from __future__ import annotations

from collections.abc import Iterator

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
from journeyman.events.messages import Message, Owner, tool_result
from journeyman.events.redaction import redacted_arguments


def message_of(event: Event) -> Message | None:
    """Return the message that an event adds to its thread. Returns None if it adds none.

    The caller has to know two exceptions: a run with `direct` adds no messages, and the message of a RunAccepted is
    added only when the run starts.
    """
    if isinstance(event, ModelReplied):
        return owned_reply(event)
    if isinstance(event, MessageAdded):
        return event.message
    if isinstance(event, ToolCallFinished):
        return tool_result(event.call_id, event.tool, result_text(event))
    if isinstance(event, RunAccepted):
        return event.input
    return None


def stored_message(event: Event) -> Message | None:
    """Return the message that an event adds or that replaces another. Returns None if there is none."""
    return event.message if isinstance(event, MessageReplaced) else message_of(event)


def owned_reply(event: ModelReplied) -> Message:
    """Return the reply. Opaque fields that release 0.1 stored, without an owner, belong to the model that replied."""
    message = event.message
    if not message.extra or message.owner is not None:
        return message
    return msgspec.structs.replace(message, owner=Owner(event.model))


def is_empty_reply(event: ModelReplied) -> bool:
    """Return whether a reply has neither text nor calls although nothing cut it. Release 0.1 marked none as empty."""
    said = event.message.content or event.message.tool_calls
    return event.finish_reason == "empty" or (event.finish_reason == "unknown" and not said)


def error_text(error: Failure) -> str:
    """Return a failed call as the model reads it: compact JSON, without the error id, which is for operators."""
    return msgspec.json.encode({"error": {"code": error.code, "message": error.message}}).decode()


def result_text(event: ToolCallFinished) -> str:
    """Return the outcome of a call as the model reads it, with a note of what a human changed about the call."""
    text = error_text(event.error) if event.error is not None else event.result or ""
    return text if event.human is None else "\n\n".join((*filter(None, (text,)), *_notes(event)))


def _notes(event: ToolCallFinished) -> Iterator[str]:
    """Yield what a human changed about the call, in words for the model. Redacted arguments stay redacted."""
    if event.human is None:
        return
    if event.human.arguments is not None:
        shown = msgspec.json.encode(redacted_arguments(event.human.arguments, event.human.hidden)).decode()
        yield f"[A human changed the arguments of this call to {shown}]"
    if event.human.answered and event.result:
        yield "[A human said that this call was done, and wrote the result above.]"
    elif event.human.answered:
        yield "[A human said that this call was done.]"


def in_call_order(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the messages with the tool results in the order of their calls, as models expect them.

    They are stored in the order in which the calls finished.
    """
    ordered: list[Message] = []
    ranks: dict[str | None, int] = {}
    start = 0  # index of the first result after the last reply
    for message in messages:
        if message.role == "assistant":
            ranks = {call.id: rank for rank, call in enumerate(message.tool_calls)}
            start = len(ordered) + 1
        ordered.append(message)
        if message.role == "tool" and len(ordered) - start > 1:
            ordered[start:] = sorted(ordered[start:], key=lambda result: ranks.get(result.tool_call_id, len(ranks)))
    return tuple(ordered)
