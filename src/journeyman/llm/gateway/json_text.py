"""Lenient reading of JSON that a gateway wrote: invalid text is repaired, what cannot be stored is dropped."""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

import msgspec

from journeyman.events.messages import JSON, valid_text

T = TypeVar("T")
_MAX_DEPTH = 32


def read_json_text(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """`data` as the decoder's type; raises ValueError if it is not JSON or has other types.

    Lone surrogates and bytes that are not UTF-8 cost a second, slower reading and survive as repaired text:
    a surrogate stays in its string, since its other half may come with the next chunk.
    """
    try:
        return decoder.decode(data)
    except (ValueError, RecursionError) as first:
        try:
            return msgspec.convert(json.loads(data.decode("utf-8", "replace")), decoder.type)
        except (ValueError, RecursionError):
            raise ValueError(str(first)) from first


def storable(value: JSON, depth: int = _MAX_DEPTH) -> JSON:
    """The value with valid texts and finite numbers; what nests deeper than `depth` becomes null."""
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
    """A number of tokens, or 0 for whatever else stands there."""
    if isinstance(value, int):
        return max(int(value), 0)
    return int(value) if isinstance(value, float) and math.isfinite(value) and value > 0 else 0
