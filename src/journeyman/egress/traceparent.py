"""Propagates the current trace to the services that a task calls (W3C Trace Context)."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

HEADER = "traceparent"
_current: ContextVar[str | None] = ContextVar("journeyman_traceparent", default=None)


def propagate(traceparent: str) -> None:
    """Send this header with every request of the current task and of the tasks that it starts."""
    _current.set(traceparent)


def with_traceparent(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers with the task's `traceparent`, unless they have one.

    Returns `headers` itself if nothing is added.
    """
    current = _current.get()
    if current is None or HEADER in headers:
        return headers
    return {**headers, HEADER: current}
