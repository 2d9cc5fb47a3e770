from __future__ import annotations

import pytest

from journeyman.agents.graph.condition_samples import MAX_SAMPLES, never_evaluates
from journeyman.agents.graph.edge_conditions import compile_edge

NODES = ("plan", "work")


@pytest.mark.parametrize(
    "text",
    [
        "state.tool_calls.size() > 0",
        "state.tool_calls[0].arguments.amount > 5",
        "state.tool_calls.all(call, call.arguments.name.startsWith('a'))",
        "state.result == 'yes' || state.result.decision == 'approve'",
        "context.thread.score > 0.5 && context.thread.name.startsWith('a')",
        "has(context.global.tier) && context.global.tier == 'gold'",
        "context.thread.a.b.c > 1 && context.thread.a.d == 'x'",
        "context.thread['a'] && !context.thread.b",
        "context.thread.list.exists(item, item == 'x')",
        "'x' in context.thread",
        "true",
    ],
)
def test_a_condition_that_may_evaluate_is_no_problem(text: str) -> None:
    assert never_evaluates(compile_edge(text, NODES)) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("state.steps > '3'", "No such overload"),
        ("state.tool_calls > 0", "No such overload"),
        ("state.steps + 1", "gave int, not true or false"),
        ("state.tool_calls[0].nam == 'x'", "there is no 'nam'"),
        ("state.last_message.txt == 'x'", "there is no 'txt'"),
        ("state.visits.work + 0.5 > 1", "No such overload"),
        ("context.thread.size() + 1", "gave int"),
        ("context.thread.score + 'a' + 1 == 2", "No such overload"),
    ],
)
def test_a_condition_that_never_evaluates_is_reported(text: str, reason: str) -> None:
    assert reason in (never_evaluates(compile_edge(text, NODES)) or "")


def test_too_many_open_parts_are_not_judged() -> None:
    terms = " + ".join(f"context.thread.k{index}" for index in range(8))
    assert MAX_SAMPLES < 7**8
    assert never_evaluates(compile_edge(f"{terms} + 'a' + 1 == 2", NODES)) is None
