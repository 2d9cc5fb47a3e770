"""From a test file to a test: every problem at once, with its place and a remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pydantic
from pydantic_core import ErrorDetails

from journeyman.agent_files.document import Document, YamlPath
from journeyman.agent_files.yaml_reader import Rules, read_document
from journeyman.agent_tests.file import AgentTestFileEntry, RecordedEntry
from journeyman.agent_tests.normalize import event_of, messages_of
from journeyman.agent_tests.recording import Recording
from journeyman.agents.spec import AgentSpec, NewerDefinitionError
from journeyman.errors import ConfigurationError, Problem, StorageError
from journeyman.events.codec import microseconds
from journeyman.events.events import Event, RunAccepted, RunStarted
from journeyman.events.messages import Message
from journeyman.llm.fake.scripted import Turn

SUFFIX = ".agent-test.yaml"
RULES = Rules(
    max_bytes=16 * 1024 * 1024, max_depth=64, max_nodes=1_000_000, beginning="begin with `input:`, or export a run"
)
MAX_PROBLEMS = 100
_MEANT = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_OF_SCRIPTS = ("input", "context", "thread", "model", "tools", "answers")


class AgentTest(msgspec.Struct, frozen=True, kw_only=True):
    """A test, read and checked. Either `recording` or `turns` is there."""

    path: Path
    entry: AgentTestFileEntry
    document: Document
    recording: Recording | None = None
    turns: tuple[Turn, ...] = ()

    @property
    def agent_path(self) -> Path | None:
        """Where its agent is, if the file says so."""
        return None if self.entry.agent is None else self.path.parent / self.entry.agent


def read_test(path: Path) -> AgentTest:
    """Raises ConfigurationError with all that is wrong with the file."""
    try:
        content = path.read_bytes()
    except OSError as exc:
        problem = Problem(f"the file cannot be read: {exc.strerror}", str(path), remedy="check the path")
        raise ConfigurationError("The test cannot be used:", [problem]) from exc
    return parse_test(content, path)


def parse_test(content: bytes, path: Path) -> AgentTest:
    """Raises ConfigurationError with all that is wrong with the text."""
    document, found = read_document(content, str(path), RULES)
    problems = list(found)
    test = _Parser(path, document, problems).parse() if document is not None else None
    if problems or test is None:
        problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
        raise ConfigurationError("The test cannot be used:", problems[:MAX_PROBLEMS])
    return test


class _Parser:
    def __init__(self, path: Path, document: Document, problems: list[Problem]) -> None:
        self._path = path
        self._document = document
        self._problems = problems

    def parse(self) -> AgentTest | None:
        entry = self._shape()
        if entry is None:
            return None
        if not self._problems:
            self._check_parts(entry)
        self._check_patterns(entry)
        turns = tuple(self._turns(entry.model or []))
        recording = self._recording(entry.recorded) if entry.recorded else None
        return AgentTest(path=self._path, entry=entry, document=self._document, recording=recording, turns=turns)

    def _report(self, path: YamlPath, message: str, remedy: str | None = None, *, key: bool = False) -> None:
        if not self._document.is_unusable(path):
            self._problems.append(self._document.problem(path, message, remedy, key=key))

    # --- shape

    def _shape(self) -> AgentTestFileEntry | None:
        """The file's entry; of one with problems, that of what remains without the top-level keys that have them."""
        data = self._document.data
        if not isinstance(data, dict):
            self._report((), "a test file is a mapping", RULES.beginning)
            return None
        try:
            return AgentTestFileEntry.model_validate(data)
        except pydantic.ValidationError as exc:
            errors = exc.errors(include_url=False, include_input=False)
            for error in errors:
                self._report_shape(error)
            wrong = {error["loc"][0] for error in errors if error["loc"]}
            return AgentTestFileEntry.model_validate({key: value for key, value in data.items() if key not in wrong})

    def _report_shape(self, error: ErrorDetails) -> None:
        path = tuple(error["loc"])
        match error["type"]:
            case "extra_forbidden":
                known = difflib.get_close_matches(str(path[-1]), _keys_at(path[:-1]), 1)
                remedy = f"did you mean `{known[0]}`?" if known else f"it may say {', '.join(_keys_at(path[:-1]))}"
                self._report(path, f"the key {path[-1]!r} is unknown", remedy, key=True)
            case "missing":
                self._report(path[:-1], f"`{path[-1]}` is missing", f"add `{path[-1]}:`")
            case kind if kind in _MEANT:
                self._report(path, f"`{path[-1]}` must be {_MEANT[kind]}")
            case _:
                self._report(path, f"`{path[-1]}`: {error['msg'][:1].lower()}{error['msg'][1:]}")

    # --- what fits together

    def _check_parts(self, entry: AgentTestFileEntry) -> None:
        data = self._document.data
        if entry.recorded is not None:
            for key in (key for key in _OF_SCRIPTS if key in data):
                self._report((key,), f"`{key}` stands beside a recording, which says it already", "remove it", key=True)
            return
        if entry.model is None:
            self._report((), "there is neither `model` nor `recorded`", "write the turns of the model under `model:`")
        if entry.input is None:
            self._report((), "`input` is missing", "write what the user says")
        if entry.expect is None or not entry.expect.model_fields_set:
            self._report((), "nothing is expected: the test cannot fail", "write `expect:`")

    def _check_patterns(self, entry: AgentTestFileEntry) -> None:
        if entry.expect is None:
            return
        patterns: list[tuple[YamlPath, str | None]] = [
            (("expect", "calls", place, "result", "regex"), call.result.regex if call.result else None)
            for place, call in enumerate(entry.expect.calls or [])
        ]
        patterns.append((("expect", "text", "regex"), entry.expect.text.regex if entry.expect.text else None))
        for path, pattern in patterns:
            try:
                re.compile(pattern or "")
            except re.error as exc:
                self._report(path, f"it is no regular expression: {exc}", "correct it, or use `contains`")

    def _turns(self, turns: list[dict[str, Any]]) -> Iterator[Turn]:
        for place, turn in enumerate(turns):
            try:
                yield msgspec.convert(turn, Turn)
            except msgspec.ValidationError as exc:
                self._report(("model", place), str(exc), "see the page on scripts")

    # --- the recording

    def _recording(self, entry: RecordedEntry) -> Recording | None:
        before = len(self._problems)
        started_at = 0
        history: tuple[Message, ...] = ()
        try:
            started_at = microseconds(entry.started_at)
        except (ValueError, TypeError):
            self._report(("recorded", "started_at"), "it is no time", 'write "2026-11-25T10:00:00Z"')
        try:
            history = messages_of(entry.history)
        except msgspec.ValidationError as exc:
            self._report(("recorded", "history"), str(exc), _ANEW)
        events = tuple(self._events(entry.events, len(history)))
        if not self._problems[before:] and not _begins(events):
            self._report(("recorded", "events"), "it does not begin as a run begins", _ANEW)
        if self._problems[before:]:
            return None
        return Recording(
            events=events,
            started_at=started_at,
            history=history,
            summary=entry.summary,
            definition=_definition(entry.definition),
            prompts=entry.prompts,
        )

    def _events(self, items: list[dict[str, dict[str, Any]]], history: int) -> Iterator[Event]:
        for place, item in enumerate(items):
            path: YamlPath = ("recorded", "events", place)
            if len(item) != 1:
                self._report(path, "an event is one key, its type, and its data", _ANEW)
                continue
            [(name, data)] = item.items()
            kind, _, version = name.partition(" v")
            try:
                yield event_of(kind, int(version or 1), data, history)
            except (StorageError, ValueError) as exc:
                self._report(path, str(exc), _ANEW)


_ANEW = "export the run anew"


def _begins(events: tuple[Event, ...]) -> bool:
    return isinstance(events[0], RunAccepted) and isinstance(events[1], RunStarted)


def _definition(data: dict[str, Any] | None) -> AgentSpec | None:
    """None also for one of another release, which cannot be compared."""
    try:
        return None if data is None else AgentSpec.from_stored(data)
    except NewerDefinitionError:
        return None


def _keys_at(path: YamlPath) -> list[str]:
    """The keys that the file may have there."""
    model: Any = AgentTestFileEntry
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(str(part))
        found = list(_models(field.annotation)) if field else []
        if not found:
            return []
        model = found[0]
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)
