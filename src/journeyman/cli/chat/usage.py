"""What runs have used: tokens and dollars, for one line on a terminal."""

from __future__ import annotations

from typing import Any

FIELDS = ("input_tokens", "output_tokens", "cost_usd")


class UsageTotal:
    """The sum of what several runs have used. Each run counts once, as it was described last."""

    def __init__(self) -> None:
        self._runs: dict[str, dict[str, Any]] = {}

    def add(self, run: dict[str, Any]) -> None:
        """Count a run, in the form of `GET /runs/{id}`."""
        self._runs[run["run_id"]] = run["usage"]

    def drop(self, run_id: str) -> None:
        """Count a run no longer. A retry of it begins with what it has used."""
        self._runs.pop(run_id, None)

    def line(self) -> str:
        """Return the sum as a line, with the number of runs."""
        usages = self._runs.values()
        total = {name: _sum([usage.get(name) for usage in usages]) for name in FIELDS}
        priced = "" if total["cost_usd"] is not None else " (no price is known)"
        return f"{len(usages)} run{'' if len(usages) == 1 else 's'} in this chat: {usage_line(total)}{priced}"


def usage_line(usage: dict[str, Any]) -> str:
    """Return the tokens of a run, and its cost if a price is known: `96 tokens in, 15 out, $0.0012`."""
    cost = usage.get("cost_usd")
    price = "" if cost is None else f", ${cost:.4f}"
    return f"{usage.get('input_tokens') or 0:,} tokens in, {usage.get('output_tokens') or 0:,} out{price}"


def _sum(values: list[float | None]) -> float | None:
    """Add up what is known. None: nothing is known."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
