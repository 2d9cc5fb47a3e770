"""Compares a recording with today's run: the agent's definition, the system prompts, and event by event."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from journeyman.agent_tests.normalize import NormalizedEvent, normalized_events, plain_data
from journeyman.agent_tests.recording import Recording
from journeyman.agents.spec import AgentSpec
from journeyman.errors import ToolError
from journeyman.events.events import Event, ModelCalled
from journeyman.events.messages import JSON
from journeyman.tools.schema.defaults import with_all_defaults
from journeyman.tools.spec import StoredTool, ToolSpec

MAX_DIFFERENCES = 30  # shown; the others are counted
MAX_VALUE = 160  # characters of a value that are shown
_SEEN_BY_MODEL = ("description", "name", "parameters")  # fields of a tool


class Difference(msgspec.Struct, frozen=True):
    """One difference: `what` is a sentence, `lines` are its details."""

    what: str
    lines: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the sentence with its details indented below it."""
        return "\n".join((self.what, *(f"  {line}" for line in self.lines)))


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a comparison: the differences, and notes on changes of the definition that do not count as such."""

    differences: tuple[Difference, ...] = ()
    notes: tuple[Difference, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether there are no differences."""
        return not self.differences

    def text(self) -> str:
        """Return the differences and notes for people."""
        shown = [difference.text() for difference in self.differences[:MAX_DIFFERENCES]]
        if (more := len(self.differences) - MAX_DIFFERENCES) > 0:
            shown.append(f"… and {more} more")
        return "\n".join((*shown, *(f"({note.text()})" for note in self.notes)))


def compare(old: Recording, new: Recording, schemas: Mapping[str, dict[str, JSON]] | None = None) -> Comparison:
    """Compare a recording with the recording of the same run today.

    An argument that was left out is equal to its default. `schemas` are those of the tools' arguments, for a run of a
    single tool call, which has no definition.
    """
    changes, notes = _definition_changes(old.definition, new.definition)
    listed = new.definition.tools if new.definition else ()
    known = {**(schemas or {}), **{tool.name: tool.parameters for tool in listed}}
    events = _event_differences(_with_defaults(old.events, known), _with_defaults(new.events, known))
    return Comparison(differences=(*_prompt_differences(old, new), *changes, *events), notes=tuple(notes))


# --- prompts and definitions


def _prompt_differences(old: Recording, new: Recording) -> Iterator[Difference]:
    """Compare the system prompts; the same change of several calls is reported once."""
    if old.prompts is None or new.prompts is None:
        return
    before, now, shown = "", "", set()
    for call in dict.fromkeys(event.call for event in new.events if isinstance(event, ModelCalled)):
        before, now = old.prompts.get(call, before), new.prompts.get(call, now)
        if before != now and (before, now) not in shown:
            shown.add((before, now))
            yield Difference(f"the system prompt of {call} differs:", tuple(_lines(before, now)))


def _lines(old: str, new: str) -> Iterator[str]:
    for line in difflib.ndiff(old.splitlines(), new.splitlines()):
        if not line.startswith("? "):
            yield line


def _definition_changes(old: AgentSpec | None, new: AgentSpec | None) -> tuple[list[Difference], list[Difference]]:
    """Return the changes of what the model sees and how it is called, and notes on all other changes."""
    if old is None or new is None:
        return [], []
    changes: list[Difference] = []
    notes: list[Difference] = []
    for path, before, now in _changed_parts(_plain(old), _plain(new), ()):
        change = Difference(f"the definition has changed: {'.'.join(path)}: {_shown(before)} -> {_shown(now)}")
        (changes if _affects_model(path) else notes).append(change)
    return changes, notes


def _plain(spec: AgentSpec) -> dict[str, JSON]:
    """Return the definition as plain data, with tools by name and without the location and hash of their code."""
    plain = plain_data(spec.stored())
    plain["tools"] = {tool.name: _plain_tool(tool) for tool in spec.tools}
    plain.pop("prompt", None)  # the rendered system prompts are compared instead
    return plain


def _plain_tool(tool: ToolSpec) -> dict[str, JSON]:
    return {
        name: value for name, value in plain_data(StoredTool.of(tool)).items() if name not in ("source", "code_hash")
    }


def _affects_model(path: tuple[str, ...]) -> bool:
    match path:
        case ("model" | "output", *_):
            return path != ("output", "retries")
        case ("tools", _):
            return True
        case ("tools", _, key, *_):
            return key in _SEEN_BY_MODEL
        case _:
            return False


# --- event by event


def _with_defaults(events: Sequence[Event], schemas: Mapping[str, dict[str, JSON]]) -> list[NormalizedEvent]:
    """Return the normalized events with the defaults of the tools' arguments, which earlier releases left out."""
    return [_with_default_arguments(event, schemas) for event in normalized_events(events)]


def _with_default_arguments(event: NormalizedEvent, schemas: Mapping[str, dict[str, JSON]]) -> NormalizedEvent:
    tool, arguments = event.data.get("tool"), event.data.get("arguments")
    if not isinstance(tool, str) or tool not in schemas or not isinstance(arguments, dict):
        return event
    try:
        filled = with_all_defaults(arguments, schemas[tool])
    except ToolError:
        return event
    return msgspec.structs.replace(event, data={**event.data, "arguments": filled})


def _event_differences(recorded: Sequence[NormalizedEvent], now: Sequence[NormalizedEvent]) -> Iterator[Difference]:
    old_keys, new_keys = [event.key for event in recorded], [event.key for event in now]
    matcher = difflib.SequenceMatcher(None, old_keys, new_keys, autojunk=False)
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if kind == "equal":
            pairs = zip(range(old_from, old_to), range(new_from, new_to), strict=True)
            for old, new in pairs:
                yield from _field_differences(old + 1, recorded[old], now[new])
            continue
        for old in range(old_from, old_to):
            yield Difference(f"event {old + 1} does not happen any more: {_event_text(recorded[old])}")
        for new in range(new_from, new_to):
            yield Difference(f"event {new + 1} is new: {_event_text(now[new])}")


def _field_differences(seq: int, old: NormalizedEvent, new: NormalizedEvent) -> Iterator[Difference]:
    changes = _changed_parts(old.data, new.data, ())
    lines = [f"{'.'.join(path)}: {_shown(before)} -> {_shown(now)}" for path, before, now in changes]
    if lines:
        yield Difference(f"event {seq}, {old.name}, differs:", tuple(lines))


def _event_text(event: NormalizedEvent) -> str:
    rest = {name: value for name, value in event.data.items() if name not in ("call", "call_id", "path")}
    return f"{event.name} {_shown(rest)}" if rest else event.name


class _Absent:
    def __repr__(self) -> str:
        return "(nothing)"


_ABSENT = _Absent()


def _changed_parts(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Return the smallest parts that differ, each as its path, the old value and the new one."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (*old, *(key for key in new if key not in old)):
            yield from _changed_parts(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, str(key)))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, now) in enumerate(zip(old, new, strict=True)):
            yield from _changed_parts(before, now, (*path, str(index)))
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path, old, new


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, _Absent) else msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
