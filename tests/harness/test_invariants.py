"""The invariants can fail: each refuses a journal that was doctored in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import invariants
from tests.harness.effects_log import Effect
from tests.harness.scripted_replies import next_reply, reply_script, violations


def _events(*pairs: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"seq": seq, "type": type, "data": data} for seq, (type, data) in enumerate(pairs, 1)]


def _started(call: str, tool: str, attempt: int = 1) -> tuple[str, dict[str, Any]]:
    data = {
        "call": call,
        "tool": tool,
        "arguments": {"label": call},
        "idempotency_key": f"r:{call}",
        "attempt": attempt,
    }
    return "tool_call_started", {**data, "attempt": attempt}


def _finished(call: str, tool: str) -> tuple[str, dict[str, Any]]:
    return "tool_call_finished", {"call": call, "tool": tool, "result": f"{tool} {call} done"}


def _killed_run() -> list[dict[str, Any]]:
    """Two calls; the second was in flight when the process died."""
    return _events(
        ("run_accepted", {}),
        ("run_started", {"epoch": 1}),
        ("model_replied", {"call": "m1"}),
        _started("m1.0", "put"),
        _started("m1.1", "put"),
        _finished("m1.0", "put"),
        ("run_resumed", {"epoch": 2, "reason": "taken_over"}),
        _started("m1.1", "put", 2),
        _finished("m1.1", "put"),
        ("model_replied", {"call": "m2"}),
        ("run_finished", {"output": "done"}),
    )


def _effects(*calls: str, tool: str = "put", key: str = "r:") -> list[Effect]:
    return [Effect(tool, call, key + call, 1) for call in calls]


def test_a_sound_run_passes() -> None:
    events = _killed_run()
    assert invariants.journal(events) == []
    assert invariants.effects(events, _effects("m1.0", "m1.1", "m1.1")) == []
    assert invariants.model_calls(events, {1: 1, 2: 2}) == []


@pytest.mark.parametrize(
    "doctor",
    [
        lambda events: events.pop(4),
        lambda events: events.append(dict(events[-1], seq=len(events) + 1)),
        lambda events: events.pop(),
        lambda events: events[5].update(type="context_changed"),
        lambda events: events[0].update(type="run_started"),
        lambda events: events.insert(9, dict(events[8], seq=10)),
        lambda events: events[2]["data"].update(call="m2"),
    ],
    ids=["gap", "two ends", "no end", "open call", "no beginning", "seq twice", "two replies"],
)
def test_a_doctored_journal_is_refused(doctor: Callable[[list[dict[str, Any]]], object]) -> None:
    events = _killed_run()
    doctor(events)
    assert invariants.journal(events)


@pytest.mark.parametrize(
    "effects_log",
    [
        _effects("m1.0", "m1.0", "m1.1"),
        _effects("m1.0", "m1.1", "m1.1", "m1.1"),
        _effects("m1.0"),
        _effects("m1.0", "m1.1", key="other:"),
    ],
    ids=["a committed call repeated", "repeated twice for one kill", "a result without an effect", "another key"],
)
def test_a_repeated_or_missing_effect_is_refused(effects_log: list[Effect]) -> None:
    assert invariants.effects(_killed_run(), effects_log)


def test_a_once_call_may_never_repeat() -> None:
    events = [dict(event, data={**event["data"], "tool": "pay"}) for event in _killed_run()]
    assert invariants.effects(events, _effects("m1.0", "m1.1", "m1.1", tool="pay"))


def test_a_committed_model_call_may_not_repeat() -> None:
    assert invariants.model_calls(_killed_run(), {1: 2, 2: 1})


_CALL = {"id": "c1", "function": {"name": "put", "arguments": "{}"}}


@pytest.mark.parametrize(
    "history",
    [
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [_CALL]}],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "user", "content": "b"},
        ],
        [{"role": "user", "content": "a"}, {"role": "tool", "tool_call_id": "c1", "content": "x"}],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "assistant", "content": "c"},
            {"role": "user", "content": "d"},
        ],
        [{"role": "assistant", "content": "b"}, {"role": "user", "content": "d"}],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL, _CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "x"},
        ],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": "d"},
        ],
    ],
)
def test_a_strict_gateway_refuses(history: list[dict[str, Any]]) -> None:
    assert violations(history)


def test_a_plan_is_followed_from_the_messages_alone() -> None:
    user = {"role": "user", "content": reply_script("k", [["put", {"label": "a"}]], "done")}
    asked = {"role": "assistant", "content": None, "tool_calls": [_CALL]}
    told = {"role": "tool", "tool_call_id": "c1", "content": "x"}
    assert next_reply([user]) == ("k", 1, [["put", {"label": "a"}]])
    assert next_reply([user, asked, told]) == ("k", 2, "done")
    assert violations([user, asked, told]) == []
