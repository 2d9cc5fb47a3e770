"""What differs between a recording and today: the definition, what models were asked, and event by event. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from journeyman.agent_tests.normalize import NormalizedEvent, normalized_events, plain_data
from journeyman.agent_tests.recording import Recording
from journeyman.agents.spec import AgentSpec
from journeyman.events.events import ModelCalled
from journeyman.events.messages import JSON
from journeyman.tools.spec import StoredTool, ToolSpec

MOST = 30  # differences shown; the rest are counted
WIDE = 160  # characters of a value shown
_ASKED = ("description", "name", "parameters")  # of a tool: what the model is told of it


class Difference(msgspec.Struct, frozen=True):
    """`what` is a sentence, `lines` the details under it."""

    what: str
    lines: tuple[str, ...] = ()

    def text(self) -> str:
        return "\n".join((self.what, *(f"  {line}" for line in self.lines)))


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`differences`: what makes the two unequal. `notes`: what else has changed in the agent's definition."""

    differences: tuple[Difference, ...] = ()
    notes: tuple[Difference, ...] = ()

    @property
    def equal(self) -> bool:
        return not self.differences

    def text(self) -> str:
        """All of it, for people."""
        shown = [difference.text() for difference in self.differences[:MOST]]
        if (more := len(self.differences) - MOST) > 0:
            shown.append(f"… and {more} more")
        return "\n".join((*shown, *(f"({note.text()})" for note in self.notes)))


def compare(old: Recording, new: Recording) -> Comparison:
    """A recording with what would be recorded of the same run today."""
    asked, notes = _definition(old.definition, new.definition)
    events = _events(normalized_events(old.events), normalized_events(new.events))
    return Comparison(differences=(*_prompts(old, new), *asked, *events), notes=tuple(notes))


# --- what the model was asked


def _prompts(old: Recording, new: Recording) -> Iterator[Difference]:
    """Each change once: a later call with the same two prompts says nothing new."""
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


def _definition(old: AgentSpec | None, new: AgentSpec | None) -> tuple[list[Difference], list[Difference]]:
    """What the model is told and by which settings it is asked; and what else has changed."""
    if old is None or new is None:
        return [], []
    asked: list[Difference] = []
    notes: list[Difference] = []
    for path, before, now in _changes(_plain(old), _plain(new), ()):
        said = Difference(f"the definition has changed: {'.'.join(path)}: {_shown(before)} -> {_shown(now)}")
        (asked if _is_asked(path) else notes).append(said)
    return asked, notes


def _plain(spec: AgentSpec) -> dict[str, JSON]:
    """The definition by key; tools by name, without where their code stands and what it hashes to."""
    plain = plain_data(spec.stored())
    plain["tools"] = {tool.name: _plain_tool(tool) for tool in spec.tools}
    plain.pop("prompt", None)  # what it makes is compared: the system prompts
    return plain


def _plain_tool(tool: ToolSpec) -> dict[str, JSON]:
    return {
        name: value for name, value in plain_data(StoredTool.of(tool)).items() if name not in ("source", "code_hash")
    }


def _is_asked(path: tuple[str, ...]) -> bool:
    match path:
        case ("model" | "output", *_):
            return path != ("output", "retries")
        case ("tools", _):
            return True
        case ("tools", _, key, *_):
            return key in _ASKED
        case _:
            return False


# --- event by event


def _events(recorded: Sequence[NormalizedEvent], now: Sequence[NormalizedEvent]) -> Iterator[Difference]:
    old_keys, new_keys = [fact.key for fact in recorded], [fact.key for fact in now]
    matcher = difflib.SequenceMatcher(None, old_keys, new_keys, autojunk=False)
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if kind == "equal":
            pairs = zip(range(old_from, old_to), range(new_from, new_to), strict=True)
            for old, new in pairs:
                yield from _changed(old + 1, recorded[old], now[new])
            continue
        for old in range(old_from, old_to):
            yield Difference(f"event {old + 1} does not happen any more: {_said(recorded[old])}")
        for new in range(new_from, new_to):
            yield Difference(f"event {new + 1} is new: {_said(now[new])}")


def _changed(seq: int, old: NormalizedEvent, new: NormalizedEvent) -> Iterator[Difference]:
    lines = [
        f"{'.'.join(path)}: {_shown(before)} -> {_shown(now)}" for path, before, now in _changes(old.data, new.data, ())
    ]
    if lines:
        yield Difference(f"event {seq}, {old.name}, differs:", tuple(lines))


def _said(fact: NormalizedEvent) -> str:
    rest = {name: value for name, value in fact.data.items() if name not in ("call", "call_id", "path")}
    return f"{fact.name} {_shown(rest)}" if rest else fact.name


class _Absent:
    def __repr__(self) -> str:
        return "(nothing)"


_ABSENT = _Absent()


def _changes(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """The smallest parts that differ, each with its path."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (*old, *(key for key in new if key not in old)):
            yield from _changes(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, str(key)))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (before, now) in enumerate(zip(old, new, strict=True)):
            yield from _changes(before, now, (*path, str(place)))
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path, old, new


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, _Absent) else msgspec.json.encode(value).decode()
    return text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"
