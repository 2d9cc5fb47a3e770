"""Shared budgets as a recording knew them: room for the calls that were made, then the limit that was reached."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.clock import Clock
from journeyman.events.events import Event, HistorySummarized, LimitReached, ModelCalled
from journeyman.events.quota import Quota, Reservation
from journeyman.journal.journal import Journal
from journeyman.runtime.budgets import Budgets, Held, Share

_NOTHING = Reservation((), 0, 0)


class RecordedBudgets(Budgets):
    """Without such a limit in the recording there are no budgets at all: quotas are not the run's own doing."""

    def __init__(self, events: Sequence[Event], journal: Journal, clock: Clock) -> None:
        super().__init__(journal, clock)
        places = [place for place, event in enumerate(events) if isinstance(event, LimitReached) and event.budget]
        self._reached = events[places[0]] if places else None
        before = events[: places[0]] if places else ()
        self._left = sum(isinstance(event, ModelCalled | HistorySummarized) for event in before)

    def shares(self, principal: str, agent: str | None, of_agent: Quota) -> list[Share]:
        return [Share("principal", principal, Quota(tokens_per_day=0))] if self._reached is not None else []

    async def set_aside(self, shares: Sequence[Share], tokens: int, cost_usd: float) -> Held | LimitReached:
        if self._left > 0 or not isinstance(self._reached, LimitReached):
            self._left -= 1
            return Held((), _NOTHING, self._wake)
        return self._reached
