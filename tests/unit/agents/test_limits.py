from __future__ import annotations

from typing import Any

import pytest

from journeyman.agents.limits import exceeded
from journeyman.agents.spec import Limits
from journeyman.events.fold import AgentState
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
