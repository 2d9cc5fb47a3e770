"""Lenient decoding of a gateway's JSON: invalid text is repaired, and values that cannot be stored are dropped."""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

import msgspec

from journeyman.events.messages import JSON, valid_text

T = TypeVar("T")
_MAX_DEPTH = 100
_MAX_DIGITS = 15
_MAX_COUNT = 1 << 50  # tokens; sums of them fit into a database


def read_json_text(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode `data` with the decoder.

    Lone surrogates and invalid UTF-8 take a second, slower pass that repairs the text. A surrogate stays in its string,
    since its other half may come with the next chunk.

    Raises:
        ValueError: The data is not JSON, or not of the decoder's type.
    """
    try:
        return decoder.decode(data)
    except (ValueError, RecursionError) as first:
        try:
            return msgspec.convert(json.loads(data.decode("utf-8", "replace")), decoder.type)
        except (ValueError, RecursionError):
            raise ValueError(str(first)) from first


def storable(value: JSON, depth: int = _MAX_DEPTH) -> JSON:
    """Return the value with valid texts and finite numbers. Values nested deeper than `depth` become null."""
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {valid_text(key): storable(item, depth - 1) for key, item in value.items()} if depth > 0 else None
    if isinstance(value, list):
        return [storable(item, depth - 1) for item in value] if depth > 0 else None
    return value


def count(value: Any) -> int:
    """Return a number of tokens as an integer, or 0 if the value is not one that a request can have.

    Some gateways write numbers as texts.
    """
    if isinstance(value, str) and value.isdecimal() and len(value) <= _MAX_DIGITS:
        value = int(value)
    if not isinstance(value, int | float) or not 0 < value <= _MAX_COUNT:  # NaN is not in between
        return 0
    return int(value)


def position(value: JSON) -> int | str | None:
    """Return an index as it can be compared: `"1"` and `1.0` are 1. None: the value is no index."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) <= _MAX_DIGITS else value or None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None
