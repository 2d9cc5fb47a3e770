"""Durations, costs and ids as people read them. Pure."""

from __future__ import annotations

ID_CHARACTERS = 12  # of a run's id: enough for commands, which take the beginning of an id


def short_id(run_id: str) -> str:
    """Return the beginning of a run's id, or all of an id that is not much longer."""
    return run_id if len(run_id) <= 2 * ID_CHARACTERS else run_id[:ID_CHARACTERS]


def duration_text(seconds: float) -> str:
    """Return a duration in the units that a person would use."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def cost_text(usd: float) -> str:
    """Return a cost in dollars, with as many digits as show it."""
    if usd >= 1 or not usd:
        return f"${usd:.2f}"
    return f"${usd:.4f}" if usd >= 0.0001 else f"${usd:.1g}"
