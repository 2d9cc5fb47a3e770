"""Events in their normal form: without what differs from run to run though nothing has changed.

Ids, times, hashes, latencies, epochs and what budgets said are left out; approvals are numbered in the order in which
they were asked; a message of one text has that text for its content. The same form stands in test files, and can be
read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from journeyman.errors import StorageError
from journeyman.events.codec import EVENT_TYPES, Codec, decode_event
from journeyman.events.events import BudgetWarned, Event
from journeyman.events.messages import JSON, Message

Data = dict[str, JSON]

_LEFT_OUT: Mapping[str, frozenset[str]] = {
    "run_accepted": frozenset({"thread", "version", "parent", "multitask", "stream", "request_id", "trace_id", "key"}),
    "run_started": frozenset({"epoch", "first_no", "last_no", "summary", "summary_stream"}),
    "history_summarized": frozenset({"latency_ms", "reserved"}),
    "run_resumed": frozenset({"epoch"}),
    "run_forked": frozenset({"parent", "epoch"}),
    "model_called": frozenset({"request_hash", "first_no", "reserved"}),
    "model_replied": frozenset({"latency_ms"}),
    "model_failed": frozenset({"latency_ms"}),
    "tool_call_started": frozenset({"idempotency_key", "code_hash"}),
    "tool_call_finished": frozenset({"duration_ms"}),
    "approval_requested": frozenset({"args_hash", "deadline"}),
    "approval_given": frozenset({"by"}),
    "cancel_requested": frozenset({"by"}),
    "run_cancelled": frozenset({"by"}),
    "message_added": frozenset({"by"}),
}
LOCAL = "local"  # the principal where there is no authentication
_FILLED: Mapping[str, Data] = {
    "run_accepted": {"thread": "local/test", "principal": LOCAL},
    "run_started": {"epoch": 1},
    "run_resumed": {"epoch": 1},
    "run_forked": {"parent": "parent", "epoch": 1},
    "tool_call_started": {"idempotency_key": ""},
    "approval_given": {"by": "local"},
    "cancel_requested": {"by": "local"},
}
_OF_FAILURES = ("error_id", "retry_after")
_OF_MESSAGES = ("message", "input")


class NormalizedEvent(msgspec.Struct, frozen=True):
    """An event in its normal form."""

    type: str
    v: int
    data: Data

    @property
    def key(self) -> tuple[str, JSON]:
        """What it is about: facts with one key are compared with each other."""
        return self.type, self.data.get("call") or self.data.get("approval")

    @property
    def name(self) -> str:
        return " ".join(str(part) for part in self.key if part)


def normalized_events(events: Iterable[Event]) -> list[NormalizedEvent]:
    approvals: dict[str, str] = {}
    draft = Codec().draft
    return [_fact(draft(event), approvals) for event in events if type(event) is not BudgetWarned]


def _fact(draft: Any, approvals: dict[str, str]) -> NormalizedEvent:
    data: Data = msgspec.json.decode(draft.data)
    left_out = _LEFT_OUT.get(draft.type, frozenset())
    data = {name: _plain(name, value) for name, value in data.items() if name not in left_out}
    if data.get("principal") == LOCAL:
        del data["principal"]
    if "approval" in data:
        data["approval"] = approvals.setdefault(data["approval"], f"a{len(approvals) + 1}")
    if "waiting_for" in data:
        data["waiting_for"] = [approvals.get(id, id) for id in data["waiting_for"]]
    if "child" in data:
        data["child"] = "child"  # that it was started counts, not as which run
    if draft.type == "run_forked":
        calls = data.get("calls", [])
        data["calls"] = [{name: value for name, value in call.items() if name != "idempotency_key"} for call in calls]
    return NormalizedEvent(draft.type, draft.v, data)


def _plain(name: str, value: JSON) -> JSON:
    if name == "error" and isinstance(value, dict):
        return {key: item for key, item in value.items() if key not in _OF_FAILURES}
    return plain_message(value) if name in _OF_MESSAGES and isinstance(value, dict) else value


def plain_message(message: Data) -> Data:
    """A message of one text has that text for its content."""
    match message.get("content"):
        case [{"type": "text", "text": str(text), **rest}] if not rest:
            return {**message, "content": text}
    return message


def whole_message(message: Data) -> Data:
    content = message.get("content")
    return {**message, "content": [{"type": "text", "text": content}]} if isinstance(content, str) else message


def plain_data(value: msgspec.Struct) -> Data:
    """A struct as plain data: with lists, as JSON has them."""
    data: Data = msgspec.json.decode(msgspec.json.encode(value))
    return data


def event_of(type: str, v: int, data: Data, history: int) -> Event:
    """The event of a fact; `history`: how many messages its thread held. Raises StorageError if it fits no schema."""
    if type not in EVENT_TYPES:
        raise StorageError(f"{type!r} is no type of event")
    filled = {**_FILLED.get(type, {}), **data}
    filled |= {name: whole_message(filled[name]) for name in _OF_MESSAGES if isinstance(filled.get(name), dict)}
    if type == "run_started":
        filled["last_no"] = history
    return decode_event(type, v, msgspec.json.encode(filled))


def messages_of(items: Sequence[Data]) -> tuple[Message, ...]:
    """Raises msgspec.ValidationError."""
    return tuple(msgspec.convert(whole_message(item), Message) for item in items)
