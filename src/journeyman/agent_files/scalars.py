"""Unquoted YAML scalars by the core schema of YAML 1.2, in which `no`, `on` and `12:30` are text. Pure."""

from __future__ import annotations

import math
import re

from journeyman.events.messages import JSON

LARGEST_INTEGER = 2**63 - 1
MAX_DIGITS = 40  # of a whole number of another's document, which is exact up to there: 128 bits

_WORDS: dict[str, JSON] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve_plain(text: str) -> JSON:
    """Return the value of an unquoted scalar. Raises ValueError for a number that cannot be used."""
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("the number is not finite")
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _finite(float(text))
    return text


def resolve_foreign(text: str) -> JSON:
    """Return the value of an unquoted scalar of another's document, in which a number may have any size.

    A whole number of more than 40 digits becomes a float, and a number that is not finite stays text.
    """
    try:
        return resolve_plain(text)
    except ValueError:
        if len(text) <= MAX_DIGITS and _INTEGER.fullmatch(text):
            return int(text)
        number = float(text) if _INTEGER.fullmatch(text) else math.inf
        return number if math.isfinite(number) else text


def _integer(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > LARGEST_INTEGER:
        raise ValueError("the number does not fit in 64 bits")
    return int(text)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("the number is not finite")
    return number
