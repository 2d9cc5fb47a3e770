"""Which events are messages, and which message each of them is."""

from __future__ import annotations

import msgspec

from journeyman.events.events import Event, Failure, MessageAdded, ModelReplied, RunAccepted, ToolCallFinished
from journeyman.events.messages import Message, tool_result

_ENCODER = msgspec.json.Encoder()


class _Refusal(msgspec.Struct):
    code: str
    message: str


class _ErrorResult(msgspec.Struct):
    error: _Refusal


def error_text(failure: Failure) -> str:
    """A tool's failure as the model reads it."""
    return _ENCODER.encode(_ErrorResult(_Refusal(failure.code, failure.message))).decode()


def message_of(event: Event) -> Message | None:
    """The message that this event adds to its thread; None if it adds none."""
    match event:
        case ModelReplied(message=message) | MessageAdded(message=message):
            return message
        case ToolCallFinished():
            text = event.result if event.error is None else error_text(event.error)
            return tool_result(event.call_id, event.tool, text or "")
        case RunAccepted(input=message):
            return message
        case _:
            return None


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
