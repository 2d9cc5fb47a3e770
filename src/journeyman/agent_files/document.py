"""A document: plain data, with the source location of every key and value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from journeyman.errors import Problem
from journeyman.events.messages import JSON

YamlPath = tuple[str | int, ...]


class SourceLocation(NamedTuple):
    """A position in a file: line and column, counted from 1, in characters."""

    line: int
    column: int


@dataclass(frozen=True, kw_only=True)
class Document:
    """Plain data and the location of each part. Data from code has no locations: its problems only name the source."""

    data: JSON
    file: str | None = None
    keys: Mapping[YamlPath, SourceLocation] = field(default_factory=dict)
    values: Mapping[YamlPath, SourceLocation] = field(default_factory=dict)
    styles: Mapping[YamlPath, str] = field(default_factory=dict)  # of texts: "" unquoted, "'", '"', "|", ">"
    unusable: frozenset[YamlPath] = frozenset()  # paths with a reported problem, below which nothing is checked
    sources: Mapping[str | int, str] = field(default_factory=dict)  # top-level key -> its source, if there is no file

    def location(self, path: YamlPath, *, key: bool = False) -> SourceLocation | None:
        """Return the location of the value (or the key) at `path`, else of the nearest part around it."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        for end in range(len(path), -1, -1):
            found = first.get(path[:end]) or second.get(path[:end])
            if found is not None:
                return found
        return None

    def problem(
        self, path: YamlPath, message: str, remedy: str | None = None, *, key: bool = False, severity: str = "error"
    ) -> Problem:
        """Return a problem at the location of `path`."""
        line, column = self.location(path, key=key) or (None, None)
        file = self.sources.get(path[0], self.file) if path else self.file
        return Problem(message, file, line, column, remedy, severity)

    def is_unusable(self, path: YamlPath) -> bool:
        """Return whether a problem was reported for `path` or a part around it."""
        return bool(self.unusable) and any(path[:end] in self.unusable for end in range(len(path) + 1))
