"""Use case: cancel runs that wait for what the server lacks, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from journeyman.errors import StateError
from journeyman.events.events import CancelRequested
from journeyman.journal.journal import Append, Batch, RunRow
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.scheduler import RunScheduler
from journeyman.runtime.served.lacks import lack_of_row

AT_ONCE = 200  # runs that are cancelled beside each other


class WaitingFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs are meant: every field that is not None must match."""

    waiting_for: str | None = None  # the kind of what they lack
    agent: str | None = None
    older_than: float | None = None  # seconds since their last event


class WaitingRuns:
    """Cancels runs that lack something. It needs neither their agents nor their code."""

    def __init__(self, parts: RunParts, scheduler: RunScheduler) -> None:
        self._journal = parts.journal
        self._codec = parts.codec
        self._clock = parts.clock
        self._scheduler = scheduler

    async def cancel(self, by: str, where: WaitingFilter) -> list[str]:
        """Request that these runs end, and return their ids. Child runs end with the runs that wait for them."""
        cancelled: list[str] = []
        found = [row.id async for row in self._matching(where)]
        for first in range(0, len(found), AT_ONCE):
            some = found[first : first + AT_ONCE]
            done = await asyncio.gather(*(self._cancel(run_id, by) for run_id in some))
            cancelled += [run_id for run_id, was in zip(some, done, strict=True) if was]
        return cancelled

    async def _cancel(self, run_id: str, by: str) -> bool:
        """Request that the run ends. Returns False if it has ended already."""
        draft = self._codec.draft(CancelRequested(by=by))
        batch = Batch(at=self._clock.now(), appends=(Append(stream=run_id, drafts=(draft,)),))
        try:
            await self._scheduler.commit_and_notify(batch, urgent=True)
        except StateError:
            return False
        return True

    async def _matching(self, where: WaitingFilter) -> AsyncIterator[RunRow]:
        after = 0
        while rows := await self._journal.lacking(after):
            for row in rows:
                if row.parent is None and await self._matches(row, where):
                    yield row
            after = rows[-1].accepted_no

    async def _matches(self, row: RunRow, where: WaitingFilter) -> bool:
        if where.agent not in (None, row.agent):
            return False
        if where.waiting_for not in (None, lack_of_row(row.lacks or "").kind):
            return False
        if where.older_than is None:
            return True
        last = await self._journal.read(row.id, row.last_seq - 1, 1)
        return bool(last) and self._clock.now() - last[0].at >= where.older_than * 1_000_000
