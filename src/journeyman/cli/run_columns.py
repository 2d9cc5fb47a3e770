"""The columns by which a list shows runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

COLUMNS = (
    "run_id",
    "status",
    "agent",
    "question",
    "duration",
    "tokens",
    "cost",
    "error_code",
    "waiting_reason",
    "accepted_at",
    "thread_id",
)


def run_cells(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run with the columns that are made of several of its values."""
    usage = run.get("usage") or {}
    tokens = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    return {
        **run,
        "duration": duration_text(seconds_of(run)),
        "tokens": f"{tokens:,}" if tokens else None,
        "cost": cost_text(usage.get("cost_usd")),
    }


def seconds_of(run: Mapping[str, Any]) -> float | None:
    """Return how long a run took from its start to its end, with pauses. Returns None if it has not ended."""
    if not run.get("started_at") or not run.get("ended_at"):
        return None
    return (datetime.fromisoformat(run["ended_at"]) - datetime.fromisoformat(run["started_at"])).total_seconds()


def duration_text(seconds: float | None) -> str | None:
    """Return a duration in the units that a person would use. None stays None."""
    if seconds is None:
        return None
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def cost_text(usd: float | None) -> str | None:
    """Return a cost in dollars, with as many digits as show it. Returns None if it is unknown or there is none."""
    if not usd:
        return None
    return f"${usd:.2f}" if usd >= 1 else f"${usd:.4f}" if usd >= 0.0001 else f"${usd:.1g}"
