"""The trace that the work under way belongs to, told to the services that it calls (W3C Trace Context)."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

HEADER = "traceparent"
_current: ContextVar[str | None] = ContextVar("journeyman_traceparent", default=None)


def propagate(traceparent: str) -> None:
    """Send this header along with every request of this task, and of the tasks that it makes."""
    _current.set(traceparent)


def traced(headers: Mapping[str, str]) -> Mapping[str, str]:
    """These headers, and the task's `traceparent` unless they have one. Without a trace the same object."""
    current = _current.get()
    if current is None or HEADER in headers:
        return headers
    return {**headers, HEADER: current}
