"""The trace of a run and the ids of its spans (W3C Trace Context, level 1).

They are derived from recorded ids, so that every reader of a journal gets the same ones.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


class TraceContext(msgspec.Struct, frozen=True):
    """A trace and a span in it, as 32 and 16 hexadecimal digits. The span is empty for the root of the trace."""

    trace_id: str
    span_id: str = ""


def parsed(traceparent: str) -> TraceContext | None:
    """Parse a `traceparent` header. Returns None if it is not valid: then a new trace begins."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    version, trace_id, span_id, _, more = found.groups()
    if version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id)


def header(trace_id: str, span_id: str) -> str:
    """Return the `traceparent` for requests made within a span. It is always sampled, as all runs are exported."""
    return f"00-{trace_id}-{span_id}-01"


def trace_of(run_id: str, trace_id: str | None) -> str:
    """Return the trace of a run: the caller's, else one made from the random digits of the run's id."""
    if trace_id is not None:
        return trace_id
    digits = run_id.rpartition("_")[2]
    return digits if _TRACE_ID.fullmatch(digits) and digits != _NO_TRACE else _hashed(run_id, 32)


def run_span(run_id: str) -> str:
    """Return the span id of a run."""
    return _hashed(run_id, 16)


def step_span(run_id: str, call: str, attempt: int = 0) -> str:
    """Return the span id of an attempt of a model call, or (attempt 0) of a tool call with all its attempts."""
    return _hashed(f"{run_id}/{call}/{attempt}", 16)


def _hashed(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
