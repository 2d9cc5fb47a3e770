"""Plain data with the place of every key and value in the file it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from journeyman.errors import Problem
from journeyman.events.messages import JSON

YamlPath = tuple[str | int, ...]


class SourceLocation(NamedTuple):
    """Counted from 1, in characters."""

    line: int
    column: int


@dataclass(frozen=True, kw_only=True)
class Document:
    """Plain data and where each part of it stands. Without places (data from code) problems only name their source."""

    data: JSON
    file: str | None = None
    keys: Mapping[YamlPath, SourceLocation] = field(default_factory=dict)
    values: Mapping[YamlPath, SourceLocation] = field(default_factory=dict)
    styles: Mapping[YamlPath, str] = field(default_factory=dict)  # of texts: "" unquoted, "'", '"', "|", ">"
    unusable: frozenset[YamlPath] = frozenset()  # a problem was reported here: what is below says nothing
    sources: Mapping[str | int, str] = field(default_factory=dict)  # top-level key -> where it comes from, if no file

    def location(self, path: YamlPath, *, key: bool = False) -> SourceLocation | None:
        """The place of the value (or key) at `path`, else of the nearest thing around it."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        for end in range(len(path), -1, -1):
            found = first.get(path[:end]) or second.get(path[:end])
            if found is not None:
                return found
        return None

    def problem(
        self, path: YamlPath, message: str, remedy: str | None = None, *, key: bool = False, severity: str = "error"
    ) -> Problem:
        place = self.location(path, key=key)
        line, column = place or (None, None)
        file = self.sources.get(path[0], self.file) if path else self.file
        return Problem(message, file, line, column, remedy, severity)

    def is_unusable(self, path: YamlPath) -> bool:
        return bool(self.unusable) and any(path[:end] in self.unusable for end in range(len(path) + 1))
