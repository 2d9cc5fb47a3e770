from __future__ import annotations

import msgspec

from journeyman.cli.trace_tree import entries as read_again
from journeyman.cli.trace_tree import tree
from journeyman.events.codec import wire
from journeyman.events.events import (
    RunFinished,
)
from journeyman.telemetry.tracing.spans import spans
from tests.unit.telemetry.tracing.test_spans import ACCEPTED, FIRST, entries


def test_a_tree_of_lines() -> None:
    stored = entries(ACCEPTED, *FIRST, RunFinished(output="done"))
    shown = msgspec.json.decode(msgspec.json.encode([wire(entry) for entry in stored]))
    found = spans("r1", stored)
    assert spans("r1", read_again(shown)) == found
    lines = list(tree(found))
    assert [line.split("  ")[0] for line in lines] == [
        "invoke_agent support",
        "└─ chat gpt-5",
        "└─ chat gpt-5",
        "└─ approval refund",
        "└─ execute_tool refund",
    ]
    assert "12.00 s" in lines[0]
    assert lines[0].endswith("in 10, out 2, $ 0.5, status finished")
    assert lines[1].endswith("error gateway_timeout")
    assert lines[4].endswith("attempts 2, error tool_failed")
    bars = [line.split("  ")[-2].strip() for line in lines]
    assert len({len(bar) for bar in bars}) == 1
