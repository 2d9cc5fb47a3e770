"""Parses test files, and reports all problems at once with their location and a remedy."""

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
_TYPE_NAMES = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_SCRIPT_KEYS = ("input", "context", "thread", "model", "tools", "answers")
_EXPORT_AGAIN = "export the run again"


class AgentTest(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed and valid test, which has either a `recording` or the `turns` of a scripted model."""

    path: Path
    entry: AgentTestFileEntry
    document: Document
    recording: Recording | None = None
    turns: tuple[Turn, ...] = ()

    @property
    def agent_path(self) -> Path | None:
        """The agent file or folder that the test names. None: it names none."""
        return None if self.entry.agent is None else self.path.parent / self.entry.agent


def read_test(path: Path) -> AgentTest:
    """Read a test file.

    Raises:
        ConfigurationError: The file cannot be used; it lists all problems.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        problem = Problem(f"the file cannot be read: {exc.strerror}", str(path), remedy="check the path")
        raise ConfigurationError("The test cannot be used:", [problem]) from exc
    return parse_test(content, path)


def parse_test(content: bytes, path: Path) -> AgentTest:
    """Parse the text of a test file; `path` is used in problems and to find the agent.

    Raises:
        ConfigurationError: The test cannot be used; it lists all problems.
    """
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
        entry = self._validate()
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

    # --- schema

    def _validate(self) -> AgentTestFileEntry | None:
        """Return the file's entry, without the top-level keys that have problems. None: the file is no mapping."""
        data = self._document.data
        if not isinstance(data, dict):
            self._report((), "a test file must be a mapping", RULES.beginning)
            return None
        try:
            return AgentTestFileEntry.model_validate(data)
        except pydantic.ValidationError as exc:
            errors = exc.errors(include_url=False, include_input=False)
            for error in errors:
                self._report_schema_error(error)
            wrong = {error["loc"][0] for error in errors if error["loc"]}
            return AgentTestFileEntry.model_validate({key: value for key, value in data.items() if key not in wrong})

    def _report_schema_error(self, error: ErrorDetails) -> None:
        path = tuple(error["loc"])
        match error["type"]:
            case "extra_forbidden":
                known = difflib.get_close_matches(str(path[-1]), _keys_at(path[:-1]), 1)
                remedy = f"did you mean `{known[0]}`?" if known else f"known keys: {', '.join(_keys_at(path[:-1]))}"
                self._report(path, f"the key {path[-1]!r} is unknown", remedy, key=True)
            case "missing":
                self._report(path[:-1], f"`{path[-1]}` is missing", f"add `{path[-1]}:`")
            case kind if kind in _TYPE_NAMES:
                self._report(path, f"`{path[-1]}` must be {_TYPE_NAMES[kind]}")
            case _:
                self._report(path, f"`{path[-1]}`: {error['msg'][:1].lower()}{error['msg'][1:]}")

    # --- keys that belong together

    def _check_parts(self, entry: AgentTestFileEntry) -> None:
        data = self._document.data
        if entry.recorded is not None:
            for key in (key for key in _SCRIPT_KEYS if key in data):
                self._report((key,), f"`{key}` cannot be combined with `recorded`", "remove it", key=True)
            return
        if entry.model is None:
            self._report((), "the test has neither `model` nor `recorded`", "add the model's turns under `model:`")
        if entry.input is None:
            self._report((), "`input` is missing", "add the user's message as `input:`")
        if entry.expect is None or not entry.expect.model_fields_set:
            self._report((), "the test expects nothing, so it cannot fail", "add `expect:`")

    def _check_patterns(self, entry: AgentTestFileEntry) -> None:
        if entry.expect is None:
            return
        patterns: list[tuple[YamlPath, str | None]] = [
            (("expect", "calls", index, "result", "regex"), call.result.regex if call.result else None)
            for index, call in enumerate(entry.expect.calls or [])
        ]
        patterns.append((("expect", "text", "regex"), entry.expect.text.regex if entry.expect.text else None))
        for path, pattern in patterns:
            try:
                re.compile(pattern or "")
            except re.error as exc:
                self._report(path, f"`regex` is not a regular expression: {exc}", "correct it, or use `contains`")

    def _turns(self, turns: list[dict[str, Any]]) -> Iterator[Turn]:
        for index, turn in enumerate(turns):
            try:
                yield msgspec.convert(turn, Turn)
            except msgspec.ValidationError as exc:
                self._report(("model", index), str(exc), "see the reference of scripted models")

    # --- the recording

    def _recording(self, entry: RecordedEntry) -> Recording | None:
        before = len(self._problems)
        started_at = 0
        history: tuple[Message, ...] = ()
        try:
            started_at = microseconds(entry.started_at)
        except (ValueError, TypeError):
            self._report(("recorded", "started_at"), "`started_at` is not a time", 'write it as "2026-11-25T10:00:00Z"')
        try:
            history = messages_of(entry.history)
        except msgspec.ValidationError as exc:
            self._report(("recorded", "history"), str(exc), _EXPORT_AGAIN)
        events = tuple(self._events(entry.events, len(history)))
        if not self._problems[before:] and not _is_run_start(events):
            self._report(("recorded", "events"), "the first events are not the start of a run", _EXPORT_AGAIN)
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
        for index, item in enumerate(items):
            path: YamlPath = ("recorded", "events", index)
            if len(item) != 1:
                self._report(path, "an event must be a mapping of its type to its data", _EXPORT_AGAIN)
                continue
            [(name, data)] = item.items()
            kind, _, version = name.partition(" v")
            try:
                yield event_of(kind, int(version or 1), data, history)
            except (StorageError, ValueError) as exc:
                self._report(path, str(exc), _EXPORT_AGAIN)


def _is_run_start(events: tuple[Event, ...]) -> bool:
    return isinstance(events[0], RunAccepted) and isinstance(events[1], RunStarted)


def _definition(data: dict[str, Any] | None) -> AgentSpec | None:
    """Return the recorded definition. None: there is none, or a later release wrote it, so it cannot be compared."""
    try:
        return None if data is None else AgentSpec.from_stored(data)
    except NewerDefinitionError:
        return None


def _keys_at(path: YamlPath) -> list[str]:
    """Return the keys that the file may have at a path."""
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
