"""Redacts the arguments that a tool's author marked `Sensitive` from events that people see. Pure.

The journal stores them, because a call may run again. An event also holds their names (`hidden`), so that it can be
redacted without the tool.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec

from journeyman.events.codec import Entry
from journeyman.events.messages import JSON, Message

REDACTED = "[sensitive]"
_MARK = b'"hidden":['
_replace = msgspec.structs.replace
T = TypeVar("T", str, dict[str, JSON], None)


def redacted_draft(entry: Entry) -> Entry:
    """Return the entry as people may see it."""
    return _replace(entry, data=redacted_data(entry.data)) if _MARK in entry.data else entry


def redacted_data(data: bytes) -> bytes:
    """Return an event's JSON as people may see it."""
    if _MARK not in data:
        return data
    event: Any = msgspec.json.decode(data)
    for item in (event, event.get("direct"), event.get("human"), *_calls(event.get("message"))):
        if isinstance(item, dict) and item.get("hidden") and "arguments" in item:
            item["arguments"] = redacted_arguments(item["arguments"], item["hidden"])
    return msgspec.json.encode(event)


def redacted_message(message: Message) -> Message:
    """Return the message as people may see it."""
    if not any(call.hidden for call in message.tool_calls):
        return message
    calls = tuple(
        _replace(call, arguments=redacted_arguments(call.arguments, call.hidden)) for call in message.tool_calls
    )
    return _replace(message, tool_calls=calls)


def redacted_arguments(arguments: T, hidden: Collection[str]) -> T:
    """Return the arguments, an object or its JSON text, with the values of `hidden` replaced.

    A text that is not an object is replaced as a whole.
    """
    if isinstance(arguments, dict):
        return {name: REDACTED if name in hidden else value for name, value in arguments.items()}
    if not hidden or not isinstance(arguments, str):
        return arguments
    try:
        given = msgspec.json.decode(arguments, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return REDACTED
    return msgspec.json.encode(redacted_arguments(given, hidden)).decode()


def _calls(message: Any) -> list[Any]:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    return calls if isinstance(calls, list) else []
