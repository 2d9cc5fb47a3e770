"""Use case: hold a run, so that nothing drives it, and release it. For operators, so any principal's run is meant."""

from __future__ import annotations

from collections.abc import Callable

from journeyman.clock import Clock
from journeyman.errors import NotFoundError, StateError
from journeyman.events.codec import Codec
from journeyman.events.events import Event, RunPaused, RunResumed
from journeyman.events.holds import HELD, hold_of, is_hold_of
from journeyman.journal.journal import Append, Batch, Journal, RunRow
from journeyman.runtime.engine.state_loading import load_state
from journeyman.runtime.served.lacks import lack_of_row


class HeldRuns:
    """Holds and releases runs. `notify` starts what is released; None: the next start of the server does."""

    def __init__(
        self, journal: Journal, codec: Codec, clock: Clock, notify: Callable[[str], None] | None = None
    ) -> None:
        self._journal = journal
        self._codec = codec
        self._clock = clock
        self._notify = notify

    async def hold(self, run_id: str) -> None:
        """Hold a run that nothing drives now. Does nothing if it is held already.

        Raises NotFoundError, StateError (`run_ended`; `run_queued`: it has not started; `run_of_later_release`).
        """
        row = await self._open_run(run_id)
        if _is_held(row):
            return
        if row.status == "queued":
            raise StateError(f"Run {run_id} has not started. Cancel it instead.", code="run_queued")
        if row.lacks is not None and lack_of_row(row.lacks).kind == "release":
            text = f"A later release of Journeyman wrote run {run_id}. Hold it with that release."
            raise StateError(text, code="run_of_later_release")
        state = await load_state(self._journal, run_id)
        paused = RunPaused(waiting_for=state.open_approvals, lacks=hold_of(run_id, HELD))
        resumed = (RunResumed(epoch=row.epoch, reason="taken_over"),) if state.status == "running" else ()
        await self._append(row, *resumed, paused)

    async def release(self, run_id: str) -> None:
        """Let a held run go on. Returns once that is durable.

        Raises NotFoundError, StateError (`run_ended`; `not_held`).
        """
        row = await self._open_run(run_id)
        if not _is_held(row):
            raise StateError(f"Run {run_id} is not held. Only a held run can be released.", code="not_held")
        await self._append(row, RunResumed(epoch=row.epoch, reason="found"))
        if self._notify is not None:
            self._notify(run_id)
            if row.parent is not None:
                self._notify(row.parent)

    async def _open_run(self, run_id: str) -> RunRow:
        row = await self._journal.run(run_id)
        if row is None:
            raise NotFoundError(f"There is no run {run_id!r}.")
        if row.ended_at is not None:
            raise StateError(f"Run {run_id} has ended.", code="run_ended")
        return row

    async def _append(self, row: RunRow, *events: Event) -> None:
        drafts = tuple(map(self._codec.draft, events))
        append = Append(stream=row.id, drafts=drafts, epoch=row.epoch, known=row.last_seq)
        await self._journal.commit(Batch(at=self._clock.now(), appends=(append,), epoch=row.epoch))


def _is_held(row: RunRow) -> bool:
    return row.lacks is not None and is_hold_of(lack_of_row(row.lacks), row.id)
