"""The body of the overview."""

from __future__ import annotations

from msgspec import Struct

from journeyman.telemetry.metrics.history import FigureSeries


class OverviewAnswer(Struct, frozen=True, kw_only=True):
    """Figures of this server process over time and now.

    `since` in `history` is when it began to keep them: they are gone with a restart. `budgets` name principals, keys
    and agents, so only `admin` is shown them; else null.
    """

    history: FigureSeries
    now: dict[str, float]
    budgets: dict[str, dict[str, float]] | None
