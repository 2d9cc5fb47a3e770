"""Normalizes events so that two runs of an unchanged agent give equal ones.

Ids, times, hashes, latencies, epochs and budget events are left out; approvals and files are numbered in the order of
their first mention; a message with one text part has that text as its content. Test files contain events in this form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from journeyman.errors import StorageError
from journeyman.events.codec import EVENT_TYPES, Codec, decode_event
from journeyman.events.events import BudgetWarned, Event, RunPaused, RunResumed
from journeyman.events.messages import JSON, Message

Data = dict[str, JSON]

_OMITTED: Mapping[str, frozenset[str]] = {
    "run_accepted": frozenset(
        {"thread", "version", "parent", "multitask", "stream", "request_id", "trace_id", "key", "retries", "credential"}
    ),
    "run_started": frozenset({"epoch", "first_no", "last_no", "summary", "summary_stream"}),
    "history_summarized": frozenset({"latency_ms", "reserved", "turn"}),
    "run_resumed": frozenset({"epoch"}),
    "run_forked": frozenset({"parent", "epoch"}),
    "model_called": frozenset({"request_hash", "first_no", "reserved"}),
    "model_replied": frozenset({"latency_ms", "turn"}),
    "model_failed": frozenset({"latency_ms", "turn"}),
    "tool_call_started": frozenset({"idempotency_key", "code_hash"}),
    "tool_call_finished": frozenset({"duration_ms", "human"}),  # `human` follows from the answers
    "approval_requested": frozenset({"args_hash", "deadline"}),
    "approval_given": frozenset({"by"}),
    "cancel_requested": frozenset({"by"}),
    "run_cancelled": frozenset({"by"}),
    "message_added": frozenset({"by"}),
}
LOCAL = "local"  # the principal when authentication is off
_DEFAULTS: Mapping[str, Data] = {
    "run_accepted": {"thread": "local/test", "principal": LOCAL},
    "run_started": {"epoch": 1},
    "run_resumed": {"epoch": 1},
    "run_forked": {"parent": "parent", "epoch": 1},
    "tool_call_started": {"idempotency_key": ""},
    "approval_given": {"by": "local"},
    "cancel_requested": {"by": "local"},
}
_OMITTED_OF_FAILURES = ("error_id", "retry_after")
_MESSAGE_FIELDS = ("message", "input")


class NormalizedEvent(msgspec.Struct, frozen=True):
    """An event without the fields that differ from run to run."""

    type: str
    v: int
    data: Data

    @property
    def key(self) -> tuple[str, JSON]:
        """The type and subject of the event: events with equal keys are compared with each other."""
        return self.type, self.data.get("call") or self.data.get("approval")

    @property
    def name(self) -> str:
        """The key as text."""
        return " ".join(str(part) for part in self.key if part)


def normalized_events(events: Iterable[Event]) -> list[NormalizedEvent]:
    """Return the events in normal form: without budget warnings, and without waits for what a server lacked.

    A run that went on after such a wait reads as one that went on after a crash: its open steps began anew.
    """
    approvals: dict[str, str] = {}
    files: dict[str, str] = {}
    draft = Codec().draft
    kept = (event for event in events if type(event) is not BudgetWarned and not _is_wait(event))
    return [_normalized(draft(_resumed(event)), approvals, files) for event in kept]


def _is_wait(event: Event) -> bool:
    return isinstance(event, RunPaused) and event.lacks is not None


def _resumed(event: Event) -> Event:
    if isinstance(event, RunResumed) and event.reason == "found":
        return msgspec.structs.replace(event, reason="taken_over")
    return event


def _normalized(draft: Any, approvals: dict[str, str], files: dict[str, str]) -> NormalizedEvent:
    data: Data = msgspec.json.decode(draft.data)
    for part in _file_parts(data):
        part["file"] = files.setdefault(part["file"], f"f{len(files) + 1}")
    omitted = _OMITTED.get(draft.type, frozenset())
    data = {name: _plain(name, value) for name, value in data.items() if name not in omitted}
    if data.get("principal") == LOCAL:
        del data["principal"]
    if "approval" in data:
        data["approval"] = approvals.setdefault(data["approval"], f"a{len(approvals) + 1}")
    if "waiting_for" in data:
        data["waiting_for"] = [approvals.get(id, id) for id in data["waiting_for"]]
    if "child" in data:
        data["child"] = "child"  # it matters that a run was started, not its id
    if draft.type == "run_forked":
        calls = data.get("calls", [])
        data["calls"] = [{name: value for name, value in call.items() if name != "idempotency_key"} for call in calls]
    return NormalizedEvent(draft.type, draft.v, data)


def _file_parts(data: Data) -> list[Data]:
    """Return the parts of an event that name stored files."""
    messages = [data[name] for name in _MESSAGE_FIELDS if isinstance(data.get(name), dict)]
    parts = [part for message in messages for part in message.get("content", ())] + list(data.get("files", ()))
    return [part for part in parts if part.get("file")]


def _plain(name: str, value: JSON) -> JSON:
    if name == "error" and isinstance(value, dict):
        return {key: item for key, item in value.items() if key not in _OMITTED_OF_FAILURES}
    return plain_message(value) if name in _MESSAGE_FIELDS and isinstance(value, dict) else value


def plain_message(message: Data) -> Data:
    """Return a message without its time, and with its text as the content if that is its only part."""
    message = {name: value for name, value in message.items() if name != "clock"}
    match message.get("content"):
        case [{"type": "text", "text": str(text), **rest}] if not rest:
            return {**message, "content": text}
    return message


def whole_message(message: Data) -> Data:
    """Return a message with a list of parts as its content: the inverse of `plain_message`."""
    content = message.get("content")
    return {**message, "content": [{"type": "text", "text": content}]} if isinstance(content, str) else message


def plain_data(value: msgspec.Struct) -> Data:
    """Return a struct as the dictionaries, lists and values of its JSON."""
    data: Data = msgspec.json.decode(msgspec.json.encode(value))
    return data


def event_of(type: str, v: int, data: Data, history: int) -> Event:
    """Return the event of a normalized one. `history` is the number of messages in its thread before the run.

    Raises:
        StorageError: The type is unknown, or the data do not fit its schema.
    """
    if type not in EVENT_TYPES:
        raise StorageError(f"{type!r} is no type of event")
    filled = {**_DEFAULTS.get(type, {}), **data}
    filled |= {name: whole_message(filled[name]) for name in _MESSAGE_FIELDS if isinstance(filled.get(name), dict)}
    if type == "run_started":
        filled["last_no"] = history
    return decode_event(type, v, msgspec.json.encode(filled))


def messages_of(items: Sequence[Data]) -> tuple[Message, ...]:
    """Return the messages of normalized ones.

    Raises:
        msgspec.ValidationError: A message is invalid.
    """
    return tuple(msgspec.convert(whole_message(item), Message) for item in items)
