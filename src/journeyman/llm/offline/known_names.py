"""Finds the names that a JSON Schema says an argument may have: its choices, its examples and names in descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from journeyman.llm.offline.schema_sample import Schema

_NAME = re.compile(r"(?<![\w/])[A-Z][\w/-]*(?: [A-Z][\w/-]*)*")
_MARKED = re.compile(r"`([^`\n]+)`|\"([^\"\n]+)\"|(?<!\w)'([^'\n]+)'(?!\w)")
_BEGINS_SENTENCE = re.compile(r"(?:^|[.:!?]\s+)$")
_LISTED = re.compile(r",|\s+(?:or|and)\b")
_REFERS_TO_OTHERS = re.compile(r"\b(?:another|others?|same|them|these|those)\b", re.IGNORECASE)


def known_names(schema: Schema, siblings: Iterable[Schema] = ()) -> tuple[str, ...]:
    """Return the values that the schema of an argument names.

    A description that names none but refers to others ("another of them") has the names of its siblings.
    """
    own = _own_names(schema)
    if own or not _REFERS_TO_OTHERS.search(_description(schema)):
        return own
    return tuple(dict.fromkeys(name for sibling in siblings for name in _own_names(sibling)))


def spoken(name: str) -> str:
    """Return a regular expression for a name in a sentence: `next_day` is also said as "next day" and "next-day"."""
    words = [re.escape(word) for word in re.split(r"[\s_-]+", name) if word]
    return r"(?<!\w)" + r"[\s_-]+".join(words) + r"(?!\w)" if words else r"(?!)"


def _own_names(schema: Schema) -> tuple[str, ...]:
    values = [*(schema.get("enum") or ()), *(schema.get("examples") or ())]
    described = () if values else _described_names(_description(schema))
    return tuple(dict.fromkeys([str(value) for value in values if isinstance(value, str | int | float)] + [*described]))


def _description(schema: Schema) -> str:
    description = schema.get("description")
    return description if isinstance(description, str) else ""


def _described_names(text: str) -> list[str]:
    """Return what is marked as code or quoted, and capitalized words within a sentence or a list."""
    marked = [next(group for group in match.groups() if group) for match in _MARKED.finditer(text)]
    names = [
        match.group().rstrip("-/")
        for match in _NAME.finditer(text)
        if not _BEGINS_SENTENCE.search(text[: match.start()]) or _LISTED.match(text, match.end())
    ]
    return marked + names
