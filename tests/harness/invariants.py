"""Invariants of every run, also after kills: pure functions over events, effects and messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.harness.effects_log import Effect

ENDS = ("run_finished", "run_failed", "run_cancelled")
_EFFECTS = {
    "look": "none",
    "slow": "none",
    "put": "idempotent",
    "crunch": "idempotent",
    "pay": "once",
    "guarded": "once",
    "bare": "once",
    "die": "once",
    "shop__buy": "once",
}
Event = Mapping[str, Any]


def journal(events: Sequence[Event]) -> list[str]:
    """A run that is over: no gap, one beginning, one end, every step that began has ended, once."""
    wrong = []
    if [event["seq"] for event in events] != list(range(1, len(events) + 1)):
        wrong.append(f"seq is not 1, 2, 3…: {[event['seq'] for event in events]}")
    types = [event["type"] for event in events]
    if not types or types[0] != "run_accepted" or types.count("run_accepted") != 1:
        wrong.append(f"run_accepted is not the one first event: {types[:2]}")
    if sum(type in ENDS for type in types) != 1 or types[-1] not in ENDS:
        wrong.append(f"not one end at the end: {types}")
    finished = Counter(event["data"]["call"] for event in events if event["type"] == "tool_call_finished")
    started = {event["data"]["call"] for event in events if event["type"] == "tool_call_started"}
    wrong += [f"call {call} has {count} results" for call, count in finished.items() if count != 1]
    wrong += [f"call {call} began and never ended" for call in sorted(started - set(finished))]
    replies = Counter(event["data"]["call"] for event in events if event["type"] == "model_replied")
    wrong += [f"model call {call} has {count} replies" for call, count in replies.items() if count != 1]
    return wrong


def effects(events: Sequence[Event], effects_log: Sequence[Effect]) -> list[str]:
    """No committed call happened again; one in flight at a kill at most once more, a `once` one never.

    Calls are known by tool and label: a plan gives each its own. A call was in flight at a take-over that lies before
    its end (a call without effects may have begun unrecorded). Every attempt of a call carries one key.
    """
    wrong = []
    counts = Counter((effect.tool, effect.label) for effect in effects_log)
    for end in (event["data"] for event in events if event["type"] == "tool_call_finished"):
        start = _start(events, end["call"])
        if start is None:
            continue
        tool, label = start["tool"], start["arguments"]["label"]
        kind, count = _EFFECTS[tool], counts[tool, label]
        allowed = 1 if kind == "once" else 1 + _take_overs(events, "tool_call_finished", end["call"])
        if count > allowed:
            wrong.append(f"{tool} {label} ({kind}) happened {count} times, at most {allowed}")
        if not count and end.get("result") == f"{tool} {label} done":
            wrong.append(f"{tool} {label} has a result but never happened")
        keys = {effect.key for effect in effects_log if (effect.tool, effect.label) == (tool, label)}
        if keys - {start["idempotency_key"]}:
            wrong.append(f"{tool} {label} was called with the keys {sorted(keys)}, not {start['idempotency_key']!r}")
    return wrong


def _start(events: Sequence[Event], call: str) -> Mapping[str, Any] | None:
    """The last start of that call."""
    starts = [e["data"] for e in events if e["type"] == "tool_call_started" and e["data"]["call"] == call]
    return starts[-1] if starts else None


def model_calls(events: Sequence[Event], asked: Mapping[int, int]) -> list[str]:
    """`asked[n]`: how often the gateway was asked for step n. Once, and once more for each kill in its flight."""
    wrong = []
    for number, count in sorted(asked.items()):
        allowed = 1 + _take_overs(events, "model_replied", f"m{number}")
        if count > allowed:
            wrong.append(f"model call {number} was asked {count} times, at most {allowed}")
    return wrong


def _take_overs(events: Sequence[Event], end: str, call: str) -> int:
    """Take-overs before that step's end."""
    count = 0
    for event in events:
        if event["type"] == end and event["data"]["call"] == call:
            return count
        count += event["type"] == "run_resumed" and event["data"].get("reason") == "taken_over"
    return count


Line = tuple[str, str, tuple[tuple[str, str], ...]]


def transcript(messages: Iterable[Mapping[str, Any]]) -> list[Line]:
    """Messages without ids: role, text, calls. Two runs of one plan have equal ones, killed or not.

    The results of parallel calls are numbered as they come in: within a turn they are put in the order of their text.
    """
    found: list[Line] = []
    results: list[Line] = []
    for message in messages:
        content = message.get("content") or ""
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        calls = tuple((call["name"], call["arguments"]) for call in message.get("tool_calls") or ())
        if message["role"] == "tool":
            results.append((message["role"], text, calls))
            continue
        found += [*sorted(results), (message["role"], text, calls)]
        results = []
    return found + sorted(results)
