"""A measured figure beside its floor and its bound, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """`bound` is the most that `value` may be, `ratio_bound` the most that value / floor may be; None: no bound.

    `target` is what the value should be on the reference machine: shown, never a reason to fail, since CPU time is a
    machine's own.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    bound: float | None = None
    ratio_bound: float | None = None
    target: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    @property
    def missed(self) -> str:
        """Which bound is missed, as a sentence; empty: none."""
        if self.bound is not None and self.value > self.bound:
            return f"{self.name}: {self.value:.3g} {self.unit}, at most {self.bound:g} wanted"
        if self.ratio_bound is not None and self.ratio is not None and self.ratio > self.ratio_bound:
            return f"{self.name}: {self.ratio:.2f} times the floor, at most {self.ratio_bound:g} wanted"
        return ""


def best(passes: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Of each figure the pass with the smallest ratio (or value): noise of a shared machine adds, it never takes away.

    Value and floor stay those of one pass: a lucky floor is not set against an unlucky value.
    """
    chosen: dict[str, Figure] = {}
    for figure in (figure for figures in passes for figure in figures):
        known = chosen.get(figure.name)
        if known is None or (figure.ratio or figure.value) < (known.ratio or known.value):
            chosen[figure.name] = figure
    return list(chosen.values())


def table(figures: Sequence[Figure]) -> str:
    """Columns: figure, value, floor, ratio, bound."""
    rows = [("", "Journeyman", "floor", "ratio", "bound")]
    for figure in figures:
        bounds = []
        if figure.bound is not None:
            bounds.append(f"<= {figure.bound:g} {figure.unit}")
        if figure.target is not None:
            bounds.append(f"(reference: {figure.target:g} {figure.unit})")
        if figure.ratio_bound is not None:
            bounds.append(f"<= {figure.ratio_bound:g}x")
        rows.append(
            (
                figure.name,
                f"{_round(figure.value)} {figure.unit}",
                "" if figure.floor is None else _round(figure.floor),
                "" if figure.ratio is None else f"{figure.ratio:.2f}",
                ", ".join(bounds) + ("  MISSED" if figure.missed else ""),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        row[0].ljust(widths[0]) + "  " + "  ".join(row[i].rjust(widths[i]) for i in range(1, 4)) + "  " + row[4]
        for row in rows
    )


def write(file: Path, figures: Sequence[Figure]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([{**asdict(f), "ratio": f.ratio} for f in figures], indent=1) + "\n", "utf-8")


def _round(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
