from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.limits import exceeded, lower_limits, most_calls, remaining_limits
from journeyman.agents.spec import LimitAsk, Limits, OnReached
from journeyman.events.events import Bounds
from journeyman.events.fold import AgentState, replace
from journeyman.events.messages import Usage
from journeyman.events.open_calls import CallState

LIMITS = Limits(steps=3, tool_calls=2, tokens=100, cost_usd=0.5)
CALL = CallState(call="m1.0", call_id="c", tool="t", arguments="{}")


@pytest.mark.parametrize(
    ("facts", "limit"),
    [
        ({}, None),
        ({"model_calls": 2, "tool_calls": 2, "usage": Usage(50, 49, 0, 0.49)}, None),
        ({"model_calls": 3}, "steps"),
        ({"model_calls": 3, "calls": (CALL,)}, None),  # the calls of the last reply still run
        ({"tool_calls": 3, "calls": (CALL,)}, "tool_calls"),
        ({"usage": Usage(50, 50)}, "tokens"),
        ({"usage": Usage(1, 1, 0, 0.5)}, "cost_usd"),
    ],
)
def test_limits(facts: dict[str, Any], limit: str | None) -> None:
    reached = exceeded(AgentState(**facts), LIMITS)
    assert (reached.limit if reached else None) == limit
    assert reached is None or reached.value == getattr(LIMITS, reached.limit)


CACHED = AgentState(usage=Usage(1000, 40, 990), uncached_tokens=10)
BOUNDS = Bounds(steps=9, tool_calls=9, seconds=9.0, tokens=500, cost_usd=1.0)
NOW = Limits(tokens=100, on_reached=OnReached())


@pytest.mark.parametrize(
    ("limits", "bounds", "value"),
    [
        (Limits(tokens=1040), None, 1040),
        (Limits(tokens=1041), None, None),
        (NOW, None, None),
        (Limits(tokens=50, on_reached=OnReached()), None, 50),
        (Limits(tokens=None, on_reached=OnReached()), None, None),
        (NOW, BOUNDS, 500),  # the parent counts all tokens
        (NOW, replace(BOUNDS, count_uncached=True), None),
        (NOW, replace(BOUNDS, tokens=40, count_uncached=True), 40),
        (Limits(tokens=600), replace(BOUNDS, tokens=40), 40),
        (NOW, replace(BOUNDS, tokens=None), None),
    ],
)
def test_tokens_that_a_cache_had_count_for_definitions_of_0_1_alone(
    limits: Limits, bounds: Bounds | None, value: int | None
) -> None:
    reached = exceeded(replace(CACHED, bounds=bounds), limits)
    assert (reached and reached.value) == value


def test_a_child_has_the_tokens_that_are_left_counted_as_the_strictest_above_it_counts() -> None:
    assert remaining_limits(CACHED, Limits(tokens=2000)).tokens == 960
    left = remaining_limits(CACHED, NOW)
    assert (left.tokens, left.count_uncached) == (50, True)
    below = remaining_limits(replace(CACHED, bounds=replace(BOUNDS, tokens=1060)), NOW)
    assert (below.tokens, below.count_uncached) == (20, False)
    assert remaining_limits(CACHED, Limits(tokens=None, on_reached=OnReached())).tokens is None


def test_the_lower_limit_is_counted_as_it_was_when_the_run_began() -> None:
    old, now = Limits(steps=9), Limits(tokens=1_000_000, on_reached=OnReached())
    assert lower_limits(old, now) == old
    assert lower_limits(replace(now, tokens=None), replace(now, tokens=7)) == replace(now, tokens=7)
    assert lower_limits(replace(now, tokens=None), replace(now, tokens=None)).tokens is None


@pytest.mark.parametrize(
    ("limits", "state", "most"),
    [
        (Limits(tool_calls=3), AgentState(), 4),
        (Limits(tool_calls=3), AgentState(tool_calls=2), 2),
        (Limits(tool_calls=3), AgentState(tool_calls=9), 1),
        (
            Limits(tool_calls=3, on_reached=OnReached(tool_calls=LimitAsk(ask=True, up_to=7))),
            AgentState(tool_calls=2),
            6,
        ),
        (Limits(tool_calls=3, on_reached=OnReached(tool_calls=LimitAsk(ask=True))), AgentState(), 7),
        (Limits(tool_calls=9), AgentState(bounds=Bounds(steps=1, tool_calls=2, seconds=1, tokens=None, cost_usd=1)), 3),
    ],
)
def test_a_reply_keeps_the_calls_that_a_limit_may_allow_and_one_more(
    limits: Limits, state: AgentState, most: int
) -> None:
    assert most_calls(state, limits) == most
