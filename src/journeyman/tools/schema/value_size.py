"""Counts what is in a JSON value. Pure."""

from __future__ import annotations

from typing import NamedTuple

from journeyman.events.messages import JSON

MOST_VALUES = 50_000  # counting them takes 3 ms
MOST_LEVELS = 1_000
_HUGE = 1e12


class ValueSize(NamedTuple):
    """How large a JSON value is: values and members in it, itself included; characters; and nested levels.

    Each is larger than any bound for a value that has too many values, or a thousand levels.
    """

    values: float
    characters: float
    levels: float

    @classmethod
    def of(cls, value: JSON, most: int = MOST_VALUES) -> ValueSize:
        """Return the size of `value`. One of more than `most` values is not counted to its end."""
        values = characters = levels = 0
        level = [value]
        while level:
            values, levels = values + len(level), levels + 1
            if values > most or levels > MOST_LEVELS:
                return cls(_HUGE, _HUGE, _HUGE)
            below: list[JSON] = []
            for item in level:
                if isinstance(item, str):
                    characters += len(item)
                elif isinstance(item, dict):
                    characters += sum(map(len, item))
                    below += item.values()
                elif isinstance(item, list):
                    below += item
            level = below
        return cls(values, characters, levels)
