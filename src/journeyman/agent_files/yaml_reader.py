"""Reads one YAML document into plain data and source locations.

It builds the data from PyYAML's parser events itself. Aliases, anchors, tags, merge keys and duplicate keys are
errors: so a small file stays small in memory, and no object is constructed by its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

import yaml

from journeyman.agent_files.document import Document, SourceLocation, YamlPath
from journeyman.agent_files.scalars import resolve_plain
from journeyman.errors import Problem
from journeyman.events.messages import JSON

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_NODES = 10_000
MAX_PROBLEMS = 100
_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits of a file. `foreign`: a file such as an OpenAPI document, whose keys may look like numbers."""

    max_bytes: int = MAX_BYTES
    max_depth: int = MAX_DEPTH
    max_nodes: int = MAX_NODES
    foreign: bool = False
    beginning: str = "begin with `type: react_agent`"  # remedy for an empty file


AGENT_FILE = Rules()


def read_document(content: bytes, file: str, rules: Rules = AGENT_FILE) -> tuple[Document | None, tuple[Problem, ...]]:
    """Return the document in `content`, and its problems. None: it could not be read. Raises nothing."""
    try:
        text = _text(content, file, rules)
        reader = _Reader(file, text, rules)
        reader.read()
    except _UnreadableError as exc:
        return None, (*exc.earlier, exc.problem)
    return reader.document(), tuple(reader.problems)


class _UnreadableError(Exception):
    """The file cannot be read further. `earlier` are the problems before this one."""

    def __init__(self, problem: Problem, earlier: tuple[Problem, ...] = ()) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.earlier = earlier


def _text(content: bytes, file: str, rules: Rules) -> str:
    """Return the decoded text. Raises _UnreadableError if the file is too large, empty, or not plain UTF-8."""
    if len(content) > rules.max_bytes:
        raise _UnreadableError(
            Problem(f"the file is larger than {rules.max_bytes // 1024} KiB", file, remedy="move long texts out of it")
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _UnreadableError(Problem("the file is UTF-16", file, 1, 1, "save it as UTF-8"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line, column = _position(content[: exc.start].decode("utf-8", "replace"))
        raise _UnreadableError(
            Problem(f"byte 0x{content[exc.start]:02x} is not UTF-8", file, line, column, "save the file as UTF-8")
        ) from exc
    _reject_control_characters(text, file)
    _reject_directives(text, file)
    if not text.strip():
        raise _UnreadableError(Problem("the file is empty", file, 1, 1, rules.beginning))
    return _PAIR.sub(_joined, text) if rules.foreign else text


def _joined(pair: re.Match[str]) -> str:
    """Return the character of a surrogate pair of JSON escapes, which YAML does not know."""
    halves = (int(pair[2], 16), int(pair[3], 16))
    return pair[1] + chr(0x10000 + ((halves[0] - 0xD800) << 10) + (halves[1] - 0xDC00))


def _reject_control_characters(text: str, file: str) -> None:
    bad = next(
        (i for i, char in enumerate(text) if (char < " " and char not in "\t\n\r") or char in "\x7f\ufffe\uffff"), None
    )
    if bad is not None:
        line, column = _position(text[:bad])
        name = "NUL" if text[bad] == "\0" else f"U+{ord(text[bad]):04X}"
        raise _UnreadableError(Problem(f"the control character {name} is not text", file, line, column, "remove it"))


def _reject_directives(text: str, file: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("%"):
            raise _UnreadableError(Problem("YAML directives (%…) are not allowed", file, number, 1, "remove the line"))
        if line.strip() and not line.lstrip().startswith("#"):
            return


def _position(before: str) -> SourceLocation:
    return SourceLocation(before.count("\n") + 1, len(before) - before.rfind("\n"))


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

    def __init__(self, file: str, text: str, rules: Rules) -> None:
        self.problems: list[Problem] = []
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
        """Read the whole document. Raises _UnreadableError if it is not YAML, or over a limit."""
        parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(self._text)
        try:
            while parser.check_event():
                self._take(parser.get_event())
        except yaml.MarkedYAMLError as exc:
            raise _UnreadableError(self._syntax_problem(exc), tuple(self.problems)) from exc
        except yaml.YAMLError as exc:
            raise _UnreadableError(Problem("the file is not YAML", self._file), tuple(self.problems)) from exc
        finally:
            parser.dispose()
        if not self._documents:
            self._stop(SourceLocation(1, 1), "the file holds comments only", self._rules.beginning)

    def _syntax_problem(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        message = f"not valid YAML: {error.problem or error.context or 'it cannot be parsed'}"
        if mark is None:
            return Problem(message, self._file)
        lines = self._text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        remedy = "check indentation, colons and quotes here and in the line before"
        if "${" in line[: mark.column + 2]:
            remedy = "within { } and [ ] put ${…} in quotes"
        elif "\t" in line[: mark.column + 1]:
            remedy = "YAML is indented with spaces, not with tabs"
        return Problem(message, self._file, mark.line + 1, mark.column + 1, remedy)

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(_location(event), "the file holds more than one document", "one agent per file: split it")
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            frame = self._stack.pop()
            if not self._stack:
                self._root = frame.container
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)

    def _node(self, event: yaml.NodeEvent) -> None:
        self._nodes += 1
        if self._nodes > self._rules.max_nodes:
            self._stop(_location(event), f"the file has more than {self._rules.max_nodes} values", "make it smaller")
        if self._stack and isinstance(self._stack[-1].container, dict) and self._stack[-1].key is None:
            self._key(event)
            return
        path = self._stack[-1].next_path() if self._stack else ()
        self._values.setdefault(path, _location(event))
        self._reject_markup(event, path)
        if isinstance(event, yaml.CollectionStartEvent):
            self._open(event, path)
        else:
            self._put(self._scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None)

    def _open(self, event: yaml.CollectionStartEvent, path: YamlPath) -> None:
        if len(self._stack) >= self._rules.max_depth:
            self._stop(_location(event), f"more than {self._rules.max_depth} levels of nesting", "make it flatter")
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
            self._stop(_location(event), "a key must be text", "write `key: value`")
        frame.key = event.value
        path = frame.next_path()
        self._reject_markup(event, path)
        self._check_text(event, path)
        if event.implicit[0] and event.value == "<<":
            self._reject(event, path, "merge keys (<<) are not allowed", "write the keys out")
        elif event.implicit[0] and not self._rules.foreign and not _is_text(event.value):
            self._reject(event, path, f"the key {event.value[:40] or 'null'} is not text", "put it in quotes")
        if event.value in frame.container:
            line = self._keys[path].line
            message = f"the key {event.value[:60]!r} is given twice, first in line {line}"
            self._report(_location(event), message, "remove one of the two")
            frame.skip = True
        self._keys.setdefault(path, _location(event))

    def _scalar(self, event: yaml.ScalarEvent, path: YamlPath) -> JSON:
        self._check_text(event, path)
        if not event.implicit[0]:
            self._styles[path] = event.style or '"'
            return event.value
        try:
            value = resolve_plain(event.value)
        except ValueError as exc:
            if self._rules.foreign:
                return event.value
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
        self._report(_location(event), message, remedy)

    def _report(self, location: SourceLocation, message: str, remedy: str) -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            self._stop(location, f"more than {MAX_PROBLEMS} problems", "solve these first")
        self.problems.append(Problem(message, self._file, location.line, location.column, remedy))

    def _stop(self, location: SourceLocation, message: str, remedy: str) -> NoReturn:
        problem = Problem(message, self._file, location.line, location.column, remedy)
        raise _UnreadableError(problem, tuple(self.problems))


def _location(event: yaml.Event) -> SourceLocation:
    mark = event.start_mark
    return SourceLocation(mark.line + 1, mark.column + 1) if mark is not None else SourceLocation(1, 1)


def _is_text(value: str) -> bool:
    try:
        return isinstance(resolve_plain(value), str)
    except ValueError:
        return False
