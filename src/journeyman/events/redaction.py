"""What people are not shown of events: arguments that a tool's author marked `Sensitive`. Pure.

The journal holds them, since calls run again with them; their names stand beside them (`hidden`), so whoever shows an
event needs nothing but the event.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec

from journeyman.events.codec import Entry
from journeyman.events.messages import JSON, Message

VEIL = "[sensitive]"
_MARK = b'"hidden":['
_replace = msgspec.structs.replace
T = TypeVar("T", str, dict[str, JSON], None)


def redacted_draft(entry: Entry) -> Entry:
    """The entry as people may see it."""
    return _replace(entry, data=redacted_data(entry.data)) if _MARK in entry.data else entry


def redacted_data(data: bytes) -> bytes:
    """The same of an event's JSON."""
    if _MARK not in data:
        return data
    event: Any = msgspec.json.decode(data)
    for place in (event, event.get("direct"), *_calls(event.get("message"))):
        if isinstance(place, dict) and place.get("hidden") and "arguments" in place:
            place["arguments"] = redacted_arguments(place["arguments"], place["hidden"])
    return msgspec.json.encode(event)


def redacted_message(message: Message) -> Message:
    if not any(call.hidden for call in message.tool_calls):
        return message
    calls = tuple(
        _replace(call, arguments=redacted_arguments(call.arguments, call.hidden)) for call in message.tool_calls
    )
    return _replace(message, tool_calls=calls)


def redacted_arguments(arguments: T, hidden: Collection[str]) -> T:
    """The arguments, as an object or as its JSON text, without the values of these. A text that is no object is one
    value."""
    if isinstance(arguments, dict):
        return {name: VEIL if name in hidden else value for name, value in arguments.items()}
    if not hidden or not isinstance(arguments, str):
        return arguments
    try:
        given = msgspec.json.decode(arguments, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return VEIL
    return msgspec.json.encode(redacted_arguments(given, hidden)).decode()


def _calls(message: Any) -> list[Any]:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    return calls if isinstance(calls, list) else []
