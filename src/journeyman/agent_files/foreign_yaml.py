"""Reads the YAML of another's document, such as an OpenAPI document, into plain data and source locations.

Anchors, aliases and merge keys (`<<`) are followed. What an alias stands for is not copied, but counted as if it were
written out, so that a small file cannot become a large one later.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

import yaml

from journeyman.agent_files.document import SourceLocation, YamlPath
from journeyman.agent_files.file_text import UnreadableError
from journeyman.agent_files.scalars import resolve_foreign
from journeyman.agent_files.yaml_events import event_location, yaml_events
from journeyman.errors import Problem
from journeyman.events.messages import JSON

MAX_DEPTH = 64
MAX_NODES = 1_000_000
MAX_WRITTEN_OUT = 32 * 1024 * 1024  # characters and values that all aliases stand for
MAX_PROBLEMS = 100

_COLUMN_BITS = 32
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


class YamlPlaces:
    """The source location of every key and value: two packed numbers each, since a path for each would be large."""

    def __init__(self) -> None:
        self.root: JSON = None
        self.root_mark = 0
        self._marks = array("Q")
        self._starts: dict[int, int] = {}  # id of a container, which `root` keeps alive -> its first mark

    def add(self, container: JSON, marks: list[int]) -> None:
        """Keep the marks of a container: key and value of each pair, or each item of a list."""
        self._starts[id(container)] = len(self._marks)
        self._marks.extend(marks)

    def find(self, path: YamlPath, *, key: bool) -> SourceLocation | None:
        """Return the location of the value (or the key) at `path`; None if the document has no such part."""
        value, mark = self.root, self.root_mark
        for part in path:
            start = self._starts.get(id(value))
            if start is None:
                return None
            try:
                index = list(value).index(part) * 2 + (not key) if isinstance(value, dict) else int(part)
                value = value[part]
            except (LookupError, TypeError, ValueError):
                return None
            mark = self._marks[start + index]
        return _unpacked(mark)


class _Weight(NamedTuple):
    """How large and how deep a value is if every alias in it is written out."""

    size: int = 1
    depth: int = 0


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is not read to its end yet."""

    container: dict[str, JSON] | list[JSON]
    anchor: str | None
    marks: list[int] = field(default_factory=list)
    key: str | None = None  # of a mapping: the key of the next value
    key_mark: int = 0
    skip: bool = False  # the next value belongs to a duplicate key
    merge: bool = False  # the next value belongs to a merge key
    merged: list[tuple[JSON, int]] = field(default_factory=list)  # values of merge keys, with the mark of the key
    size: int = 1
    depth: int = 1


class ForeignYaml:
    """A reader of one document. Its result is `places`, with the data in their `root`; it adds to `problems`."""

    def __init__(self, file: str, text: str, beginning: str, problems: list[Problem]) -> None:
        self.problems = problems
        self.places = YamlPlaces()
        self._file = file
        self._text = text
        self._beginning = beginning
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[JSON, _Weight]] = {}
        self._nodes = 0
        self._written_out = 0
        self._documents = 0

    def read(self) -> None:
        """Read the whole document. Raises UnreadableError if it is not YAML, or over a limit."""
        for event in yaml_events(self._text, self._file):
            if isinstance(event, yaml.NodeEvent):
                self._node(event)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._close()
            elif isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    self._stop(event, "the file holds more than one document", "keep one of them")
        if not self._documents:
            problem = Problem("the file holds comments only", self._file, 1, 1, self._beginning)
            raise UnreadableError(problem)

    def _node(self, event: yaml.NodeEvent) -> None:
        self._count(1, event)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is None and isinstance(frame.container, dict):
            self._key(event, frame)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
            weight = _Weight(len(event.value) + 1)
            if event.anchor is not None:
                self._anchors[event.anchor] = (value, weight)
            self._put(event, value, weight)
        else:
            self._alias(event)

    def _count(self, values: int, where: yaml.Event | SourceLocation) -> None:
        self._nodes += values
        if self._nodes > MAX_NODES:
            self._stop(where, f"the file has more than {MAX_NODES} values", "make it smaller")

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._stack) >= MAX_DEPTH:
            self._too_deep(event)
        self._reject_tag(event)
        self._anchors.pop(event.anchor or "", None)  # until it is complete: an alias within it would never end
        container: dict[str, JSON] | list[JSON] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._put(event, container, _Weight(0))
        self._stack.append(_Frame(container, event.anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        for value, mark in frame.merged:
            self._merge(frame, value, mark)
        self.places.add(frame.container, frame.marks)
        weight = _Weight(frame.size, frame.depth)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.container, weight)
        if self._stack:
            self._weigh(weight)

    def _alias(self, event: yaml.NodeEvent) -> None:
        name = event.anchor or ""
        if name not in self._anchors:
            message = f"the alias *{name[:60]} names no anchor that is complete before it"
            self._report(event, message, "write the value out")
        value, weight = self._anchors.get(name, (None, _Weight()))
        self._written_out += weight.size
        if self._written_out > MAX_WRITTEN_OUT:
            self._stop(event, f"the aliases stand for more than {MAX_WRITTEN_OUT >> 20} MiB", "use $ref")
        if len(self._stack) + weight.depth > MAX_DEPTH:
            self._too_deep(event)
        self._put(event, value, weight)

    def _put(self, event: yaml.Event, value: JSON, weight: _Weight) -> None:
        """Add a value to the container around it."""
        if not self._stack:
            self.places.root, self.places.root_mark = value, _mark(event)
            return
        frame = self._stack[-1]
        self._weigh(weight)
        mark = _mark(event)
        if isinstance(frame.container, list):
            frame.container.append(value)
            frame.marks.append(mark)
        elif frame.merge:
            frame.merged.append((value, frame.key_mark))
        elif not frame.skip:
            assert frame.key is not None
            frame.container[frame.key] = value
            frame.marks += (frame.key_mark, mark)
        frame.key, frame.skip, frame.merge = None, False, False

    def _merge(self, frame: _Frame, value: JSON, mark: int) -> None:
        """Add the keys that the value of a merge key has and the mapping has not."""
        mappings = value if isinstance(value, list) else [value]
        if not all(isinstance(mapping, dict) for mapping in mappings):
            problem = "a merge key (<<) must name mappings"
            self.problems.append(Problem(problem, self._file, *_unpacked(mark), "write the keys out"))
            return
        assert isinstance(frame.container, dict)
        self._count(sum(map(len, mappings)), _unpacked(mark))  # these are copied
        for key, item in (pair for mapping in mappings for pair in mapping.items()):
            if key not in frame.container:
                frame.container[key] = item
                frame.marks += (mark, mark)

    def _weigh(self, weight: _Weight) -> None:
        frame = self._stack[-1]
        frame.size += weight.size
        frame.depth = max(frame.depth, weight.depth + 1)

    def _key(self, event: yaml.NodeEvent, frame: _Frame) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(event, "a key must be text", "write `key: value`")
        self._check_text(event)
        self._reject_tag(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = (event.value, _Weight(len(event.value) + 1))
        frame.key, frame.key_mark = event.value, _mark(event)
        frame.size += len(event.value) + 1
        frame.merge = event.value == "<<" and event.implicit[0]
        if event.value in frame.container and not frame.merge:
            index = list(frame.container).index(event.value)
            line = (frame.marks[index * 2] >> _COLUMN_BITS) + 1
            message = f"the key {event.value[:60]!r} is given twice, first in line {line}"
            self._report(event, message, "remove one of the two")
            frame.skip = True

    def _scalar(self, event: yaml.ScalarEvent) -> JSON:
        self._check_text(event)
        self._reject_tag(event)
        return resolve_foreign(event.value) if event.implicit[0] else event.value

    def _check_text(self, event: yaml.ScalarEvent) -> None:
        if _NOT_TEXT.search(event.value):
            self._report(event, "the text holds NUL or half of a surrogate pair", "remove the escape")

    def _reject_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            self._report(event, "tags (!name) are not allowed", "remove it; quote a text that begins with !")

    def _too_deep(self, event: yaml.Event) -> NoReturn:
        self._stop(event, f"more than {MAX_DEPTH} levels of nesting", "make it flatter")

    def _report(self, event: yaml.Event, message: str, remedy: str) -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            self._stop(event, f"more than {MAX_PROBLEMS} problems", "solve these first")
        self.problems.append(Problem(message, self._file, *event_location(event), remedy))

    def _stop(self, where: yaml.Event | SourceLocation, message: str, remedy: str) -> NoReturn:
        location = where if isinstance(where, SourceLocation) else event_location(where)
        raise UnreadableError(Problem(message, self._file, *location, remedy))


def _mark(event: yaml.Event) -> int:
    location = event_location(event)
    return (location.line - 1) << _COLUMN_BITS | (location.column - 1)


def _unpacked(mark: int) -> SourceLocation:
    return SourceLocation((mark >> _COLUMN_BITS) + 1, (mark & ((1 << _COLUMN_BITS) - 1)) + 1)
