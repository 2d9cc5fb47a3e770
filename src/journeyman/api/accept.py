"""The Accept header: whether a client wants a stream of events instead of JSON. Pure."""

from __future__ import annotations

import re

# One range with its parameters; a comma inside a quoted string is part of it. Possessive: linear in any input.
_ITEM = re.compile(rb'(?:[^",]++|"(?:[^"\\]|\\.)*+"?)++', re.DOTALL)
_RANGE = re.compile(rb"\s*+([^\s;/]++/[^\s;]++)\s*+(?:;(.*+))?", re.DOTALL)
_WEIGHT = re.compile(rb'(?:^|;)\s*+q\s*+=\s*+"?([01](?:\.[0-9]{0,3})?)"?\s*+(?=;|$)', re.IGNORECASE)
_STREAM, _JSON = (b"text/event-stream", b"text/*", b"*/*"), (b"application/json", b"application/*", b"*/*")


def wants_stream(accept: bytes) -> bool:
    """Return whether the header prefers `text/event-stream` over JSON (RFC 9110, 12.5.1).

    If both are equally welcome, it does if it names `text/event-stream`. A part that cannot be read counts for nothing.
    """
    if b"text/" not in (lower := accept.lower()):  # a wildcard alone means JSON
        return False
    weights = _weights(lower)
    stream, json = _weight(weights, _STREAM), _weight(weights, _JSON)
    return stream > json or (stream == json > 0 and _STREAM[0] in weights)


def _weights(accept: bytes) -> dict[bytes, float]:
    weights: dict[bytes, float] = {}
    for item in _ITEM.findall(accept):
        if match := _RANGE.fullmatch(item):
            found = _WEIGHT.search(match[2] or b"")
            weight = min(float(found[1]), 1.0) if found else 1.0
            weights[match[1]] = max(weight, weights.get(match[1], 0.0))
    return weights


def _weight(weights: dict[bytes, float], ranges: tuple[bytes, ...]) -> float:
    """Return the weight of the most specific range that is there; 0 if none is."""
    return next((weights[name] for name in ranges if name in weights), 0.0)
