"""The log line of a run on a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.events.events import DirectCall, Failure, Lack
from journeyman.events.fold import AgentState
from journeyman.events.messages import Usage
from journeyman.telemetry.logs.run_line import RunLine

RUN = "run_0123456789abcdef0123456789abcdef"
ENDED: dict[str, Any] = {"run_id": RUN, "agent": "support", "status": "finished", "started_at": 1, "at": 1_200_001}


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"usage": Usage(1000, 234, 0, 0.0123)}, "support: finished (1.2 s, 1,234 tokens, $0.0123)  run_01234567"),
        ({"usage": Usage(5, 0)}, "support: finished (1.2 s, 5 tokens)  run_01234567"),
        ({"stopped_by": "steps"}, "support: finished at its limit: steps (1.2 s)  run_01234567"),
        (
            {"status": "failed", "error": Failure("gateway_timeout", "The gateway is silent.")},
            "support: failed: The gateway is silent. [gateway_timeout] (1.2 s)  run_01234567",
        ),
        ({"status": "cancelled", "started_at": 0}, "support: cancelled  run_01234567"),
        (
            {"status": "paused", "waiting_for": ("a",)},
            "support: waits for a human, see `journeyman approvals` (1.2 s)  run_01234567",
        ),
        ({"status": "paused", "lacks": Lack("tool", "pay")}, "support: waits for the tool pay (1.2 s)  run_01234567"),
        ({"status": "paused"}, "support: waits for its child runs (1.2 s)  run_01234567"),
        ({"agent": None, "direct": DirectCall("pay", {}), "run_id": "run_1"}, "pay: finished (1.2 s)  run_1"),
    ],
)
def test_a_line(facts: dict[str, Any], line: str) -> None:
    assert str(RunLine(AgentState(**{**ENDED, **facts}))) == line
