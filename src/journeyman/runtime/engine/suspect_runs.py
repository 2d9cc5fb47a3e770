"""Runs during which the server ended uncleanly: each is resumed alone, and one that ends the server again is held.

A tool or a node that runs inside the server can end it: by `os._exit`, a fault in native code, too much memory. Such a
run is resumed by the next start, and would end that too. A take-over counts unclean ends against the runs whose steps
were in progress (`journal/crash_counting.py`). From the second on they are suspects: each is driven alone until it has
gone well for some seconds, and what ends the server meanwhile is this run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal

from journeyman.clock import Clock
from journeyman.errors import BaseError, StorageError
from journeyman.events.events import RunPaused, RunResumed
from journeyman.events.holds import CRASHED, hold_of
from journeyman.journal.journal import Append, Batch, RunRow, Suspect
from journeyman.runtime.engine.run_parts import RunParts

log = logging.getLogger(__name__)

SUSPECT_AFTER = 2  # unclean ends
HEALTHY_SECONDS = 5.0  # how long a suspect is driven alone; twice as long after each further unclean end
MOST_DOUBLED = 3  # so that a suspect is alone for 40 s at most

CrashPolicy = Literal["hold", "fail"]
Fail = Callable[[str, str], Awaitable[None]]  # given the id of a run, and why it fails


class SuspectRuns:
    """Decides after a take-over which runs are held, and in which order the suspects are driven.

    `fail` ends a run; it is used where the policy is to fail the run that ended the server.
    """

    def __init__(self, parts: RunParts, policy: CrashPolicy, fail: Fail) -> None:
        self._journal = parts.journal
        self._codec = parts.codec
        self._clock = parts.clock
        self._policy = policy
        self._fail = fail

    async def hold_blamed(self, rows: Sequence[RunRow]) -> list[Suspect]:
        """Hold or fail the run that ended the server alone. Returns the suspects that are left, in their order.

        `rows`: the running runs. Without any, nothing is read. What was counted against other runs is dropped with a
        run that is held: it is the explanation.
        """
        found = await self._journal.suspects() if rows else ()
        by_id = {row.id: row for row in rows}
        for suspect in found:
            if suspect.blamed and suspect.run_id in by_id and await self._stop(by_id[suspect.run_id], suspect.crashes):
                await self._journal.drop_crash_counts()
                return []
        return [each for each in found if each.crashes >= SUSPECT_AFTER and each.run_id in by_id]

    async def _stop(self, row: RunRow, crashes: int) -> bool:
        """Hold or fail a run. Returns False if that cannot be recorded: then the run is a suspect as before."""
        try:
            await self._record_stop(row, crashes)
        except BaseError as exc:
            log.error("run %s cannot be stopped: %s", row.id, exc.message, extra={"run_id": row.id, "code": exc.code})
            return False
        return True

    async def _record_stop(self, row: RunRow, crashes: int) -> None:
        """Hold or fail a run, durably. Its history is not read for a hold."""
        text = (
            f"The server ended uncleanly {crashes} times while run {row.id} was in progress, the last time while it was"
            " resumed alone."
        )
        log.error("%s The run is %s.", text, "held" if self._policy == "hold" else "failed", extra={"run_id": row.id})
        if self._policy == "fail":
            await self._fail(row.id, text)
            return
        resumed = RunResumed(epoch=row.epoch, reason="taken_over")
        paused = RunPaused(lacks=hold_of(row.id, CRASHED))
        drafts = (self._codec.draft(resumed), self._codec.draft(paused))
        append = Append(stream=row.id, drafts=drafts, epoch=row.epoch, known=row.last_seq)
        await self._journal.commit(Batch(at=self._clock.now(), appends=(append,), epoch=self._journal.epoch))

    async def drive_each_alone(
        self, suspects: Sequence[Suspect], start: Callable[[str], asyncio.Task[None] | None]
    ) -> None:
        """Start the suspects one after the other, each after the one before it has gone well for some seconds.

        `start` starts a run and no other, and returns its task; None: it is not started. That a run is alone is
        durable before it starts.
        """
        log.warning("%d runs were in progress at several unclean ends: each is resumed alone first", len(suspects))
        try:
            for suspect in suspects:
                await self._journal.note_alone(suspect.run_id)
                task = start(suspect.run_id)
                if task is not None:
                    await _end_within(task, healthy_seconds(suspect.crashes), self._clock)
            await self._journal.note_alone(None)
        except StorageError as exc:  # the runs themselves find out whether that passes
            log.error("suspects cannot be told apart: %s", exc.message, extra={"code": exc.code})
        except BaseError:
            log.exception("suspects cannot be told apart")


def healthy_seconds(crashes: int) -> float:
    """Return how long a suspect is driven alone, after so many unclean ends."""
    return HEALTHY_SECONDS * 2.0 ** min(crashes - SUSPECT_AFTER, MOST_DOUBLED)


async def _end_within(task: asyncio.Task[None], seconds: float, clock: Clock) -> None:
    """Wait until the task has ended, but no longer than this."""
    over = asyncio.Event()
    notify = partial(_set, over)
    timer = clock.call_later(seconds, over.set)
    task.add_done_callback(notify)
    try:
        await over.wait()
    finally:
        timer.cancel()
        task.remove_done_callback(notify)


def _set(event: asyncio.Event, task: asyncio.Task[None]) -> None:
    event.set()
