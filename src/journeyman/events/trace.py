"""Which trace a run belongs to, and the ids of its spans: made from ids that are recorded, so that every reader agrees.

Source: W3C Trace Context, level 1.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


class TraceContext(msgspec.Struct, frozen=True):
    """A place in a trace: 32 and 16 digits, hexadecimal. Without a span it is the trace's beginning."""

    trace_id: str
    span_id: str = ""


def parsed(traceparent: str) -> TraceContext | None:
    """The context of a header; None: it is none, and the trace begins anew."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    version, trace_id, span_id, _, more = found.groups()
    if version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id)


def header(trace_id: str, span_id: str) -> str:
    """The `traceparent` of what is called from within a span. Sampled: what is journaled is exported."""
    return f"00-{trace_id}-{span_id}-01"


def trace_of(run_id: str, trace_id: str | None) -> str:
    """The caller's trace, else one of the run's own: its id's random digits."""
    if trace_id is not None:
        return trace_id
    digits = run_id.rpartition("_")[2]
    return digits if _TRACE_ID.fullmatch(digits) and digits != _NO_TRACE else _hashed(run_id, 32)


def run_span(run_id: str) -> str:
    return _hashed(run_id, 16)


def step_span(run_id: str, call: str, attempt: int = 0) -> str:
    """Of a model call's attempt, or of a tool call with all of its tries (0)."""
    return _hashed(f"{run_id}/{call}/{attempt}", 16)


def _hashed(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
