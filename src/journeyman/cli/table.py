"""Tables of text. On a terminal they fit its width: ids and times are shortened, then the widest columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from journeyman.events.hidden_characters import escape_hidden, escape_hidden_in_json

MIN_WIDTH = 16  # characters, to which a column is shortened at most
_GAP = "  "
_ID = re.compile(r"[a-z]+_[0-9a-f]{16,}")  # made by the server
_LEAST_DIGITS = 8  # that are shown of an id
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")


def table_lines(items: Sequence[Mapping[str, Any]], columns: Sequence[str], room: int | None = None) -> list[str]:
    """Return the lines of a table: a heading, then one line for each item, in aligned columns.

    With `room`, no line has more characters. Columns without a value are left out then, and so are the last columns
    if there is no room for them.
    """
    if room is not None:
        columns = [name for name in columns if any(has_value(item.get(name)) for item in items)]
    texts = [_texts(name, items, short=room is not None) for name in columns]
    rows = list(zip(*texts, strict=True))
    widths = [max(map(text_width, column)) for column in texts]
    if room is not None:
        widths = fitting_widths(widths, room)
    return [_GAP.join(map(padded, row, widths)).rstrip() for row in rows]


def _texts(name: str, items: Sequence[Mapping[str, Any]], *, short: bool) -> list[str]:
    """Return the heading and the cells of a column. With `short`, ids have as many digits as tell them apart."""
    values = [item.get(name) for item in items]
    ids = {value for value in values if isinstance(value, str) and _ID.fullmatch(value)}
    digits = _LEAST_DIGITS
    while len({id_beginning(id, digits) for id in ids}) < len(ids):
        digits += 1
    cells = [short_cell(value, digits) if short else cell(value) for value in values]
    return [name.upper().replace("_", " "), *cells]


def id_beginning(id: str, digits: int) -> str:
    """Return the beginning of an id that the server made: its kind and this many digits."""
    return id[: id.index("_") + 1 + digits]


def fitting_widths(widths: Sequence[int], room: int) -> list[int]:
    """Return widths that fit into `room`: the widest are shortened first, to MIN_WIDTH, then the last are left out."""
    fitting = list(widths)
    while len(fitting) > 1 and sum(map(_shortest, fitting)) + len(_GAP) * (len(fitting) - 1) > room:
        fitting.pop()
    while (excess := sum(fitting) + len(_GAP) * (len(fitting) - 1) - room) > 0:
        widest = max(range(len(fitting)), key=fitting.__getitem__)
        second = max((width for place, width in enumerate(fitting) if place != widest), default=0)
        lowest = max(1, second, fitting[widest] - excess)
        fitting[widest] = min(fitting[widest] - 1, lowest)
    return fitting


def _shortest(width: int) -> int:
    return min(width, MIN_WIDTH)


def padded(text: str, width: int) -> str:
    """Return the text with exactly this width: filled with spaces, or cut and ended by an ellipsis."""
    if (excess := text_width(text) - width) <= 0:
        return text + " " * -excess
    kept, used = [], 1  # for the ellipsis
    for character in text:
        if (used := used + _character_width(character)) > width:
            break
        kept.append(character)
    cut = "".join(kept) + "…"
    return cut + " " * (width - text_width(cut))


def text_width(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for a character of East Asian width."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def has_value(value: Any) -> bool:
    """Return whether a cell shows more than a dash for this value."""
    return value is not None and value not in ("", "-", [], ())


def cell(value: Any) -> str:
    """Return a value as text on one line. None and empty values become a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return ", ".join(value) or "-"
    return escape_hidden(" ".join(value.split())) if isinstance(value, str) else compact_json(value)


def short_cell(value: Any, digits: int = _LEAST_DIGITS) -> str:
    """Return a value as `cell` does, with an id shortened and a time in local time, to the minute."""
    if isinstance(value, str) and _ID.fullmatch(value):
        return id_beginning(value, digits)
    if isinstance(value, str) and _TIME.fullmatch(value):
        return datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d %H:%M")
    return cell(value)


def compact_json(value: object) -> str:
    """Return a value as JSON on one line. A value that JSON does not have becomes its repr."""
    return escape_hidden_in_json(msgspec.json.encode(value, enc_hook=repr).decode())
