"""Answers approvals whose deadline has passed. One timer serves all of them; what is due is read from the journal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from journeyman.clock import Timer
from journeyman.errors import BaseError, StateError
from journeyman.events.codec import Draft
from journeyman.events.events import ApprovalGiven, ApprovalRequested
from journeyman.events.fold import AgentState
from journeyman.journal.journal import Append, ApprovalRow, Batch
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.scheduler import RunScheduler

log = logging.getLogger(__name__)

DEADLINE = "deadline"  # the name in `answered_by` of a default answer
AT_ONCE = 50  # approvals read and answered in one round
LOOK_SECONDS = 30.0  # timers count no time in which the machine sleeps, and miss a clock that was set
RETRY_SECONDS = 5.0  # after a round that the journal refused
_RETRY_US = round(RETRY_SECONDS * 1_000_000)


class ApprovalDeadlines:
    """Gives the default answer to approvals that were not answered in time."""

    def __init__(self, parts: RunParts, scheduler: RunScheduler) -> None:
        self._journal = parts.journal
        self._scheduler = scheduler
        self._codec = parts.codec
        self._clock = parts.clock
        self._timer: Timer | None = None
        self._armed: int | None = None  # µs since the epoch: what the timer waits for
        self._round: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Arm the timer for the approvals that wait already; overdue ones are answered at once."""
        self.arm(0)

    def arm(self, deadline: int) -> None:
        """Arm the timer for an approval with this deadline (µs since the epoch)."""
        if self._closed or (self._armed is not None and self._armed <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = deadline
        self._wait(deadline)

    def _wait(self, deadline: int) -> None:
        seconds = max(0, deadline - self._clock.now()) / 1_000_000
        self._timer = self._clock.call_later(min(seconds, LOOK_SECONDS), self._look_at_clock)

    def _look_at_clock(self) -> None:
        """Answer what is due, or wait on if the wall clock says that nothing is."""
        if self._armed is not None and self._armed > self._clock.now():
            self._wait(self._armed)
        else:
            self._due()

    def observe(self, run: AgentState, drafts: Sequence[Draft]) -> None:
        """Arm the timer for the approvals that were committed with a deadline."""
        for draft in drafts:
            if type(draft.event) is ApprovalRequested and draft.event.deadline is not None:
                self.arm(draft.event.deadline)

    async def aclose(self) -> None:
        """Stop the timer and a round in progress."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._round is not None:
            self._round.cancel()
            await asyncio.wait([self._round])

    def _due(self) -> None:
        self._armed = self._timer = None
        if self._round is None:
            self._round = asyncio.create_task(self._look(), name="deadlines")

    async def _look(self) -> None:
        """Answer what is due and arm the timer again. This is the root of a round's task."""
        try:
            following = await self._answer_all()
        except BaseError as exc:
            log.error("deadlines cannot be kept: %s", exc.message, extra={"code": exc.code})
            following = self._clock.now() + _RETRY_US
        finally:
            self._round = None
        if following is not None:
            self.arm(following)

    async def _answer_all(self) -> int | None:
        """Answer the overdue approvals. Returns the next deadline (µs since the epoch), None if there is none."""
        while rows := await self._journal.due_approvals(AT_ONCE):
            now = self._clock.now()
            overdue = [row for row in rows if row.deadline is not None and row.deadline <= now]
            answered = await self._answer_each(overdue)
            if len(overdue) < len(rows):
                return rows[len(overdue)].deadline
            if not answered:  # what was refused would be read again
                return now + _RETRY_US
        return None

    async def _answer_each(self, rows: Sequence[ApprovalRow]) -> int:
        """Answer these approvals and return how many were answered."""
        answered = 0
        for row in rows:
            try:
                await self._scheduler.commit_and_notify(self._batch(row))
                answered += 1
            except StateError as exc:  # it was answered meanwhile, or the run has ended
                log.debug("no default answer: %s", exc.message, extra={"run_id": row.run})
        return answered

    def _batch(self, row: ApprovalRow) -> Batch:
        result = row.result if row.default == "done" else None
        given = ApprovalGiven(approval=row.id, decision=row.default or "deny", by=DEADLINE, result=result)  # type: ignore[arg-type]
        append = Append(stream=row.run, drafts=(self._codec.draft(given),))
        return Batch(at=self._clock.now(), appends=(append,))
