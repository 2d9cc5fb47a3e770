"""A run's spans as a tree of text lines: duration, position in the run's time, and the important attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from journeyman.events.codec import EVENT_TYPES, Entry
from journeyman.telemetry.tracing.spans import Span

BAR_WIDTH = 24  # characters
_LABELS = {
    "gen_ai.usage.input_tokens": "in",
    "gen_ai.usage.output_tokens": "out",
    "journeyman.cost_usd": "$",
    "journeyman.attempts": "attempts",
    "journeyman.status": "status",
    "journeyman.stopped_by": "stopped by",
    "journeyman.approval.decision": "decision",
}
_OMITTED = {("journeyman.attempts", 1), ("journeyman.status", "failed")}  # usual, or said by the span's error


def entries_from_items(items: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield journal entries for events in the shape of the HTTP API."""
    for item in items:
        at = int(datetime.fromisoformat(item["at"]).timestamp() * 1_000_000)
        name, data = item["type"], msgspec.json.encode(item["data"])
        yield Entry(item["run_id"], item["seq"], name, EVENT_TYPES[name].VERSION, at, data)


def tree_lines(ended: Sequence[Span], still_open: Sequence[Span] = ()) -> Iterator[str]:
    """Yield one line for each span, parents before children. A span whose parent is missing becomes a root."""
    spans, open_ids = [*ended, *still_open], {span.span_id for span in still_open}
    ids = {span.span_id for span in spans}
    children: dict[str | None, list[Span]] = {}
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        children.setdefault(span.parent_id if span.parent_id in ids else None, []).append(span)
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    lines = [(lead + span.name, span) for lead, span in _with_lead(children, None, "")]
    label_width = max(len(label) for label, _ in lines) + 2
    for label, span in lines:
        bar = _bar(span, start, max(1, end - start))
        attributes = f"open, {_attributes(span)}" if span.span_id in open_ids else _attributes(span)
        yield f"{label:<{label_width}}{_duration(span):>9}  {bar}  {attributes}".rstrip(", ")


def _with_lead(
    children: Mapping[str | None, Sequence[Span]], parent: str | None, lead: str
) -> Iterator[tuple[str, Span]]:
    """Yield the spans below `parent`, each with the branch that leads to it. Siblings hang on one line."""
    level = children.get(parent, ())
    for number, span in enumerate(level):
        last = number == len(level) - 1
        branch, below = ("", "") if parent is None else ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield lead + branch, span
        yield from _with_lead(children, span.span_id, lead + below)


def _duration(span: Span) -> str:
    milliseconds = (span.end - span.start) / 1000
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 1000 else f"{milliseconds:.1f} ms"


def _bar(span: Span, start: int, length: int) -> str:
    first = int((span.start - start) / length * (BAR_WIDTH - 1))
    last = int((span.end - start) / length * (BAR_WIDTH - 1))
    return f"{'·' * first}{'━' * (last - first + 1)}{'·' * (BAR_WIDTH - 1 - last)}"


def _attributes(span: Span) -> str:
    items = [(name, span.attributes[name]) for name in _LABELS if name in span.attributes]
    texts = [f"{_LABELS[name]} {value}" for name, value in items if (name, value) not in _OMITTED]
    return ", ".join([*texts, *([f"error {span.error}"] if span.error else [])])
