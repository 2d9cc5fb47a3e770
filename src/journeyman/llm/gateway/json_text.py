"""Lenient decoding of a gateway's JSON: invalid text is repaired, and values that cannot be stored are dropped."""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

import msgspec

from journeyman.events.messages import JSON, valid_text

T = TypeVar("T")
_MAX_DEPTH = 32


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
    """Return a number of tokens as an integer, or 0 if the value is not a valid number."""
    if isinstance(value, int):
        return max(int(value), 0)
    return int(value) if isinstance(value, float) and math.isfinite(value) and value > 0 else 0
