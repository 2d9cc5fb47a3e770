"""A run's spans as a tree of lines: durations, places on the run's time, what went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from journeyman.events.codec import EVENT_TYPES, Entry
from journeyman.telemetry.tracing.spans import Span

WIDTH = 24  # characters of the bar
_SHOWN = {
    "gen_ai.usage.input_tokens": "in",
    "gen_ai.usage.output_tokens": "out",
    "journeyman.cost_usd": "$",
    "journeyman.attempts": "attempts",
    "journeyman.status": "status",
    "journeyman.stopped_by": "stopped by",
    "journeyman.approval.decision": "decision",
}
_USUAL = {("journeyman.attempts", 1), ("journeyman.status", "failed")}


def entries(items: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    """Events as a server or a file shows them, as entries again."""
    for item in items:
        at = int(datetime.fromisoformat(item["at"]).timestamp() * 1_000_000)
        kind, data = item["type"], msgspec.json.encode(item["data"])
        yield Entry(item["run_id"], item["seq"], kind, EVENT_TYPES[kind].VERSION, at, data)


def tree(spans: Sequence[Span]) -> Iterator[str]:
    """The lines, the outermost span first. A span whose parent is not among them stands outermost."""
    known = {span.span_id for span in spans}
    roots = [span for span in spans if span.parent_id not in known]
    begun, ended = min(span.start for span in spans), max(span.end for span in spans)
    label = max(len(span.name) + 3 * depth for span, depth in _walked(roots, spans, 0)) + 2
    for span, depth in _walked(roots, spans, 0):
        name = f"{'   ' * (depth - 1)}{'└─ ' if depth else ''}{span.name}"
        bar = _bar(span, begun, max(1, ended - begun))
        yield f"{name:<{label}}{_duration(span):>9}  {bar}  {_facts(span)}".rstrip()


def _walked(level: Iterable[Span], spans: Sequence[Span], depth: int) -> Iterator[tuple[Span, int]]:
    for span in sorted(level, key=lambda each: (each.start, each.end)):
        yield span, depth
        yield from _walked([each for each in spans if each.parent_id == span.span_id], spans, depth + 1)


def _duration(span: Span) -> str:
    milliseconds = (span.end - span.start) / 1000
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 1000 else f"{milliseconds:.1f} ms"


def _bar(span: Span, begun: int, length: int) -> str:
    first = int((span.start - begun) / length * (WIDTH - 1))
    last = int((span.end - begun) / length * (WIDTH - 1))
    return f"{'·' * first}{'━' * (last - first + 1)}{'·' * (WIDTH - 1 - last)}"


def _facts(span: Span) -> str:
    items = [(name, span.attributes[name]) for name in _SHOWN if name in span.attributes]
    said = [f"{_SHOWN[name]} {value}" for name, value in items if (name, value) not in _USUAL]
    return ", ".join([*said, *([f"error {span.error}"] if span.error else [])])
