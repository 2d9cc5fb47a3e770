"""Reads the JSON of another's document, such as an OpenAPI document of 13 MB, in a fraction of a second.

It reads what is in order. For anything else the caller reads the text as YAML, which names every problem and its place.
"""

from __future__ import annotations

import json
import math
import re

from journeyman.agent_files.document import SourceLocation, YamlPath
from journeyman.agent_files.foreign_yaml import MAX_DEPTH, MAX_NODES
from journeyman.agent_files.scalars import resolve_foreign
from journeyman.events.messages import JSON

# One escape, so that an escaped backslash begins none. Its groups are a surrogate pair, and NUL or half of a pair.
# No repeated group is in these patterns, since one would take memory for each repetition.
ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|(u0000|u[dD][89a-fA-F])|.)", re.DOTALL
)

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(rf"{_STRING}|[{{}}\[\],]")
_KEY = re.compile(rf"\s*({_STRING})\s*:\s*")
_SPACE = re.compile(r"\s*")


def parse_json(text: str) -> JSON:
    """Return the data of a JSON text. Numbers may have any size. Raises ValueError if anything is not in order."""
    if text.count(",") + text.count("{") + text.count("[") > MAX_NODES:
        raise ValueError("too many values")
    if "\\u" in text and any(escape[3] for escape in ESCAPE.finditer(text)):
        raise ValueError("a text holds NUL or half of a surrogate pair")
    try:
        data = json.loads(
            text,
            object_pairs_hook=_mapping,
            parse_int=resolve_foreign,
            parse_float=_number,
            parse_constant=_constant,
        )
    except RecursionError as exc:
        raise ValueError("too deep") from exc
    _check_depth(data)
    return data


def _mapping(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _number(text: str) -> JSON:
    """Return a float. One that is not finite stays text."""
    number = float(text)
    return number if math.isfinite(number) else text


def _constant(text: str) -> JSON:
    raise ValueError(f"{text} is not JSON")


def _check_depth(data: JSON) -> None:
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        level = [
            item
            for each in level
            for item in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
            if isinstance(item, (dict, list))
        ]
        if not level:
            return
    raise ValueError("too deep")


class JsonPlaces:
    """The source locations in a JSON text. A part of the text is searched when it is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._children: dict[int, dict[str | int, tuple[int, int]]] = {}

    def find(self, path: YamlPath, *, key: bool) -> SourceLocation | None:
        """Return the location of the value (or the key) at `path`; None if the document has no such part."""
        of_key = of_value = self._after_space(0)
        for part in path:
            if of_value not in self._children:
                self._children[of_value] = self._search(of_value)
            found = self._children[of_value].get(part)
            if found is None:
                return None
            of_key, of_value = found
        at = of_key if key else of_value
        line, column = self._text.count("\n", 0, at), at - self._text.rfind("\n", 0, at)
        return SourceLocation(line + 1, column)

    def _search(self, start: int) -> dict[str | int, tuple[int, int]]:
        """Return the offsets of key and value of each child of the mapping or list at `start`."""
        if self._text[start] not in "{[":
            return {}
        is_mapping = self._text[start] == "{"
        found: dict[str | int, tuple[int, int]] = {}
        self._child(found, start + 1, is_mapping)
        depth = 1
        for token in _TOKEN.finditer(self._text, start + 1):
            sign = self._text[token.start()]
            if sign in "{[":
                depth += 1
            elif sign in "}]":
                depth -= 1
                if not depth:
                    break
            elif sign == "," and depth == 1:
                self._child(found, token.end(), is_mapping)
        return found

    def _child(self, found: dict[str | int, tuple[int, int]], at: int, is_mapping: bool) -> None:
        """Add the child that begins at the offset `at`, or behind the space there."""
        if not is_mapping:
            value = self._after_space(at)
            if self._text[value] != "]":
                found[len(found)] = (value, value)
        elif key := _KEY.match(self._text, at):
            found[json.loads(key[1])] = (key.start(1), key.end())

    def _after_space(self, at: int) -> int:
        space = _SPACE.match(self._text, at)
        return space.end() if space else at
