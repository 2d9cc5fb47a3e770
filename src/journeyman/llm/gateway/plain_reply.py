"""Reads in one step the complete replies that hold nothing but a text, or calls of known tools. Pure.

Most replies are like this. `PartialReply` gives the same result for them and takes three times as long.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from journeyman.events.messages import JSON, Message, TextPart, ToolCall
from journeyman.llm.client import ModelReply
from journeyman.llm.finish_reasons import ending_of, stored_reason
from journeyman.llm.gateway.partial_calls import MAX_CALLS
from journeyman.llm.gateway.usage import usage_of

_NUL = b"\\u0000"  # stored texts have none


class _Function(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    arguments: str


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    type: Literal["function"]
    function: _Function
    index: int | None = None


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    role: Literal["assistant"]
    content: str | None = None
    tool_calls: list[_Call] | None = None
    refusal: None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str
    index: Literal[0] = 0
    delta: None = None
    usage: None = None
    error: None = None


class _Reply(msgspec.Struct):
    choices: tuple[_Choice]
    model: str
    usage: dict[str, JSON] = {}
    error: None = None
    x_groq: None = None


_decode = msgspec.json.Decoder(_Reply).decode


def plain_reply(body: bytes, headers: Mapping[str, str], tools: Collection[str], *, attempts: int) -> ModelReply | None:
    """Return the reply in a complete body. None: it is no plain reply, and `PartialReply` has to read it."""
    try:
        reply = _decode(body)
    except (ValueError, RecursionError):
        return None
    choice = reply.choices[0]
    text, entries = choice.message.content, choice.message.tool_calls or ()
    if not (text or entries) or not reply.model or _NUL in body or ending_of(choice.finish_reason) != "good":
        return None
    calls = _calls(entries, tools)
    if calls is None:
        return None
    return ModelReply(
        message=Message(role="assistant", content=(TextPart(text),) if text else (), tool_calls=calls),
        model=reply.model,
        usage=usage_of(reply.usage, headers),
        finish_reason=stored_reason("good", text=not (text or " ").isspace(), calls=bool(calls)),
        attempts=attempts,
    )


def _calls(entries: Collection[_Call], tools: Collection[str]) -> tuple[ToolCall, ...] | None:
    """Return the calls. None: they are too many, an id is missing or not the only one, or one needs a closer look."""
    if len(entries) > MAX_CALLS:
        return None
    calls: dict[str, ToolCall] = {}
    for entry in entries:
        name, arguments = entry.function.name, entry.function.arguments
        if not entry.id or entry.id in calls or name not in tools or arguments[:1] != "{":
            return None
        calls[entry.id] = ToolCall(entry.id, name, arguments)
    return tuple(calls.values())
