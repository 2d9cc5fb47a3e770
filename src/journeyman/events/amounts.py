"""Durations, tokens and costs as people read them. Pure."""

from __future__ import annotations


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
