from __future__ import annotations

import msgspec

from journeyman.cli.trace_tree import entries_from_items, tree_lines
from journeyman.events.codec import wire
from journeyman.events.events import (
    RunFinished,
)
from journeyman.telemetry.tracing.spans import Span, open_spans, spans_of_run
from tests.unit.telemetry.tracing.test_spans import ACCEPTED, FIRST, entries


def test_a_tree_of_lines() -> None:
    stored = entries(ACCEPTED, *FIRST, RunFinished(output="done"))
    shown = msgspec.json.decode(msgspec.json.encode([wire(entry) for entry in stored]))
    found = spans_of_run("r1", stored)
    assert spans_of_run("r1", entries_from_items(shown)) == found
    lines = list(tree_lines(found))
    assert [line.split("  ")[0] for line in lines] == [
        "invoke_agent support",
        "├─ chat gpt-5",
        "├─ chat gpt-5",
        "├─ approval refund",
        "└─ execute_tool refund",
    ]
    assert "12.00 s" in lines[0]
    assert lines[0].endswith("in 10, out 2, $ 0.5, status finished")
    assert lines[1].endswith("error gateway_timeout")
    assert lines[4].endswith("attempts 2, error tool_failed")
    bars = [line.split("  ")[-2].strip() for line in lines]
    assert len({len(bar) for bar in bars}) == 1


def test_a_run_that_waits_shows_its_root_and_the_open_approval() -> None:
    stored = entries(ACCEPTED, *FIRST[:7])
    lines = list(tree_lines(spans_of_run("r1", stored), open_spans("r1", stored, 17_000_000)))
    assert [line.split("  ")[0] for line in lines] == [
        "invoke_agent support",
        "├─ chat gpt-5",
        "├─ chat gpt-5",
        "└─ approval refund",
    ]
    assert ["open" in line for line in lines] == [True, False, False, True]
    assert "16.00 s" in lines[0], "until now"
    assert "10.00 s" in lines[3]


def test_siblings_hang_on_one_line() -> None:
    def span(id: str, parent: str | None, start: int) -> Span:
        return Span(
            trace_id="t", span_id=id, parent_id=parent, name=id, kind="internal", start=start, end=9, attributes={}
        )

    spans = [span("root", None, 0), span("a", "root", 1), span("a1", "a", 2), span("b", "root", 3), span("b1", "b", 4)]
    drawn = [line[:8].rstrip() for line in tree_lines(spans)]
    assert drawn == ["root", "├─ a", "│  └─ a1", "└─ b", "   └─ b1"]
