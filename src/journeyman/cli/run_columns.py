"""The columns by which a list shows runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from journeyman.events.amounts import cost_text, duration_text

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
    seconds, cost = seconds_of(run), usage.get("cost_usd")
    tokens = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    return {
        **run,
        "duration": None if seconds is None else duration_text(seconds),
        "tokens": f"{tokens:,}" if tokens else None,
        "cost": cost_text(cost) if cost else None,
    }


def seconds_of(run: Mapping[str, Any]) -> float | None:
    """Return how long a run took from its start to its end, with pauses. Returns None if it has not ended."""
    if not run.get("started_at") or not run.get("ended_at"):
        return None
    return (datetime.fromisoformat(run["ended_at"]) - datetime.fromisoformat(run["started_at"])).total_seconds()
