"""Which opaque fields a request sends back: those that came from its model, all but the output-only ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

import msgspec

from journeyman.events.messages import JSON, Message, Owner, ToolCall
from journeyman.llm.client import ModelReply
from journeyman.llm.gateway.call_ids import is_plain

# Fields of a reply's message that no request may hold, each with its public source.
OUTPUT_ONLY: Mapping[str, str] = {
    "annotations": "OpenAI API reference: in the chat completion message, not in the assistant message of a request",
    "audio": "OpenAI API reference: a reply has {id, data, expires_at, transcript}, a request only {id}",
    "executed_tools": "Groq documentation, Compound: what Groq ran itself (see UKGovernmentBEIS/inspect_ai#2027)",
}
_TEXT_FIELDS = frozenset(("type", "text", "refusal"))
_TEXT_TYPES = (None, "text", "output_text", "refusal")

_replace = msgspec.structs.replace


def owned(reply: ModelReply, owner: Owner) -> ModelReply:
    """Return the reply with the owner of its opaque fields, and of call ids that are not plain, if it has any."""
    message = reply.message
    if not message.is_opaque and all(is_plain(call.id) for call in message.tool_calls):
        return reply
    return _replace(reply, message=_replace(message, owner=owner))


def sendable(message: Message, owner: Owner, refused: Set[str]) -> Message:
    """Return the message with those opaque fields that a request to `owner` sends.

    `refused` are names of fields, and types of content parts, that are left out.
    """
    if not message.is_opaque:
        return message
    if message.owner != owner:
        calls = tuple(_replace(call, extra={}) for call in message.tool_calls)
        return _replace(message, extra={}, owner=None, tool_calls=calls)
    if not refused and OUTPUT_ONLY.keys().isdisjoint(message.extra):
        return message
    calls = tuple(_sendable_call(call, refused) for call in message.tool_calls)
    return _replace(message, extra=_sendable_extra(message.extra, refused), tool_calls=calls)


def opaque_names(messages: Iterable[Message], owner: Owner) -> frozenset[str]:
    """Return the names by which `sendable` can leave out opaque fields of messages to this owner."""
    return frozenset(name for message in messages if message.owner == owner for name in _names(message))


def _sendable_extra(extra: dict[str, JSON], refused: Set[str]) -> dict[str, JSON]:
    extra = _without(extra, refused | OUTPUT_ONLY.keys())
    if "content" in extra and refused:
        parts = [_sendable_part(part, refused) for part in extra["content"] if _part_type(part) not in refused]
        extra["content"] = parts
        if not any(map(_part_names, parts)):  # what is left of it is text, which the message has
            del extra["content"]
    return extra


def _sendable_part(part: JSON, refused: Set[str]) -> JSON:
    return _without(part, refused) if isinstance(part, dict) else part


def _sendable_call(call: ToolCall, refused: Set[str]) -> ToolCall:
    if not call.extra or not refused:
        return call
    extra = _without(call.extra, refused)
    function = extra.get("function")
    if isinstance(function, dict):
        extra["function"] = _without(function, refused)
    return _replace(call, extra=extra)


def _without(fields: Mapping[str, JSON], names: Set[str]) -> dict[str, JSON]:
    return {key: value for key, value in fields.items() if key not in names}


def _names(message: Message) -> Iterator[str]:
    yield from message.extra.keys() - OUTPUT_ONLY.keys() - {"content"}
    for part in message.extra.get("content", ()):
        yield from _part_names(part)
    for call in message.tool_calls:
        function = call.extra.get("function")
        yield from call.extra.keys() - {"function"}
        yield from function if isinstance(function, dict) else ()


def _part_names(part: JSON) -> Set[str]:
    """Return the names under which a part can be refused: its type, or the unknown fields of a text."""
    if not isinstance(part, dict):
        return frozenset()
    kind = _part_type(part)
    return part.keys() - _TEXT_FIELDS if kind in _TEXT_TYPES else {str(kind)}


def _part_type(part: JSON) -> JSON:
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if kind is None or isinstance(kind, str) else str(kind)
