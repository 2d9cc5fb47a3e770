"""Reads the arguments of a tool call as servers write them: text, an object, null, or JSON in JSON. Pure."""

from __future__ import annotations

import msgspec

from journeyman.events.messages import JSON
from journeyman.llm.gateway import json_text

_encoder = msgspec.json.Encoder()
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_string = msgspec.json.Decoder(str)
_NOTHING = ("", "null", '""')


def as_text(arguments: JSON) -> str:
    """Return arguments of any JSON type as the text that a model would have written."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else _encoder.encode(json_text.storable(arguments)).decode()


def is_object(text: str) -> bool:
    """Return whether the text is a complete JSON object."""
    if not text.rstrip().endswith("}"):
        return False
    try:
        _object.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def is_complete(text: str) -> bool:
    """Return whether the text is a complete JSON object with a field, as it is or encoded twice."""
    return is_object(text := decoded_once(text)) and text.strip() not in ("{}", "{ }")


def decoded_once(text: str) -> str:
    """Return the text without a second JSON encoding around it."""
    if not text.lstrip().startswith('"'):
        return text
    try:
        inner = _string.decode(text)
    except (ValueError, RecursionError):
        return text
    return inner if is_object(inner) or inner.strip() in _NOTHING else text


def is_nothing(text: str) -> bool:
    """Return whether the text is how some models write that a call has no arguments."""
    return text.strip() in _NOTHING


def complete_arguments(text: str, *, ended_well: bool) -> str:
    """Return the arguments of a call of a reply that has ended. Empty ones are `{}` if it ended well."""
    text = decoded_once(text)
    return "{}" if ended_well and is_nothing(text) else text
