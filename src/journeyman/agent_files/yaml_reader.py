"""Reads one YAML document into plain data and source locations.

It builds the data from PyYAML's parser events itself. Aliases, anchors, tags, merge keys and duplicate keys are
errors: so a small file stays small in memory, and no object is constructed by its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import yaml

from journeyman.agent_files.document import Document, SourceLocation, YamlPath
from journeyman.agent_files.file_text import UnreadableError, decode_text
from journeyman.agent_files.scalars import resolve_plain
from journeyman.agent_files.yaml_events import event_location, yaml_events
from journeyman.errors import Problem
from journeyman.events.messages import JSON

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_NODES = 10_000
MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits of a file."""

    max_bytes: int = MAX_BYTES
    max_depth: int = MAX_DEPTH
    max_nodes: int = MAX_NODES
    beginning: str = "begin with `type: react_agent`"  # remedy for an empty file


AGENT_FILE = Rules()


def read_document(content: bytes, file: str, rules: Rules = AGENT_FILE) -> tuple[Document | None, tuple[Problem, ...]]:
    """Return the document in `content`, and its problems. None: it could not be read. Raises nothing."""
    problems: list[Problem] = []
    try:
        text = decode_text(content, file, rules.max_bytes, rules.beginning)
        reader = _Reader(file, text, rules, problems)
        reader.read()
    except UnreadableError as exc:
        return None, (*problems, exc.problem)
    return reader.document(), tuple(problems)


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is not read to its end yet."""

    path: YamlPath
    container: dict[str, JSON] | list[JSON]
    key: str | None = None  # of a mapping: the key of the next value
    skip: bool = False  # the next value belongs to a duplicate key

    def next_path(self) -> YamlPath:
        """Return the path of the next value."""
        if isinstance(self.container, list):
            return (*self.path, len(self.container))
        assert self.key is not None
        return (*self.path, self.key)

    def put(self, value: JSON) -> None:
        """Add the next value."""
        if isinstance(self.container, list):
            self.container.append(value)
        elif not self.skip:
            assert self.key is not None
            self.container[self.key] = value
        self.key, self.skip = None, False


class _Reader:
    """A builder of one document's data from parser events, with an explicit stack."""

    def __init__(self, file: str, text: str, rules: Rules, problems: list[Problem]) -> None:
        self.problems = problems
        self._rules = rules
        self._file = file
        self._text = text
        self._root: JSON = None
        self._stack: list[_Frame] = []
        self._nodes = 0
        self._documents = 0
        self._keys: dict[YamlPath, SourceLocation] = {}
        self._values: dict[YamlPath, SourceLocation] = {}
        self._styles: dict[YamlPath, str] = {}
        self._unusable: set[YamlPath] = set()

    def document(self) -> Document:
        """Return what was read."""
        return Document(
            data=self._root,
            file=self._file,
            keys=self._keys,
            values=self._values,
            styles=self._styles,
            unusable=frozenset(self._unusable),
        )

    def read(self) -> None:
        """Read the whole document. Raises UnreadableError if it is not YAML, or over a limit."""
        for event in yaml_events(self._text, self._file):
            self._take(event)
        if not self._documents:
            self._stop(SourceLocation(1, 1), "the file holds comments only", self._rules.beginning)

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(
                    event_location(event), "the file holds more than one document", "one agent per file: split it"
                )
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            frame = self._stack.pop()
            if not self._stack:
                self._root = frame.container
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)

    def _node(self, event: yaml.NodeEvent) -> None:
        self._nodes += 1
        if self._nodes > self._rules.max_nodes:
            self._stop(
                event_location(event), f"the file has more than {self._rules.max_nodes} values", "make it smaller"
            )
        if self._stack and isinstance(self._stack[-1].container, dict) and self._stack[-1].key is None:
            self._key(event)
            return
        path = self._stack[-1].next_path() if self._stack else ()
        self._values.setdefault(path, event_location(event))
        self._reject_markup(event, path)
        if isinstance(event, yaml.CollectionStartEvent):
            self._open(event, path)
        else:
            self._put(self._scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None)

    def _open(self, event: yaml.CollectionStartEvent, path: YamlPath) -> None:
        if len(self._stack) >= self._rules.max_depth:
            self._stop(event_location(event), f"more than {self._rules.max_depth} levels of nesting", "make it flatter")
        container: dict[str, JSON] | list[JSON] = {} if isinstance(event, yaml.MappingStartEvent) else []
        if self._stack:
            self._put(container)
        self._stack.append(_Frame(path, container))

    def _put(self, value: JSON) -> None:
        if self._stack:
            self._stack[-1].put(value)
        else:
            self._root = value

    def _key(self, event: yaml.NodeEvent) -> None:
        frame = self._stack[-1]
        assert isinstance(frame.container, dict)
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(event_location(event), "a key must be text", "write `key: value`")
        frame.key = event.value
        path = frame.next_path()
        self._reject_markup(event, path)
        self._check_text(event, path)
        if event.implicit[0] and event.value == "<<":
            self._reject(event, path, "merge keys (<<) are not allowed", "write the keys out")
        elif event.implicit[0] and not _is_text(event.value):
            self._reject(event, path, f"the key {event.value[:40] or 'null'} is not text", "put it in quotes")
        if event.value in frame.container:
            line = self._keys[path].line
            message = f"the key {event.value[:60]!r} is given twice, first in line {line}"
            self._report(event_location(event), message, "remove one of the two")
            frame.skip = True
        self._keys.setdefault(path, event_location(event))

    def _scalar(self, event: yaml.ScalarEvent, path: YamlPath) -> JSON:
        self._check_text(event, path)
        if not event.implicit[0]:
            self._styles[path] = event.style or '"'
            return event.value
        try:
            value = resolve_plain(event.value)
        except ValueError as exc:
            self._reject(event, path, str(exc), "put it in quotes if it is meant as text")
            return None
        if isinstance(value, str):
            self._styles[path] = ""
        return value

    def _check_text(self, event: yaml.ScalarEvent, path: YamlPath) -> None:
        if "\0" in event.value or any("\ud800" <= char <= "\udfff" for char in event.value):
            self._reject(event, path, "the text holds NUL or half of a surrogate pair", "remove the escape")

    def _reject_markup(self, event: yaml.NodeEvent, path: YamlPath) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._reject(event, path, "aliases (*name) are not allowed", "write the value out")
            return
        if event.anchor is not None:
            self._reject(event, path, "anchors (&name) are not allowed", "remove it; quote a text that begins with &")
        if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and event.tag is not None:
            self._reject(event, path, "tags (!name) are not allowed", "remove it; quote a text that begins with !")

    def _reject(self, event: yaml.Event, path: YamlPath, message: str, remedy: str) -> None:
        self._unusable.add(path)
        self._report(event_location(event), message, remedy)

    def _report(self, location: SourceLocation, message: str, remedy: str) -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            self._stop(location, f"more than {MAX_PROBLEMS} problems", "solve these first")
        self.problems.append(Problem(message, self._file, location.line, location.column, remedy))

    def _stop(self, location: SourceLocation, message: str, remedy: str) -> NoReturn:
        problem = Problem(message, self._file, location.line, location.column, remedy)
        raise UnreadableError(problem)


def _is_text(value: str) -> bool:
    try:
        return isinstance(resolve_plain(value), str)
    except ValueError:
        return False
