"""Follows a run: its stored events first, then new events and live frames as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from journeyman.events.codec import Entry
from journeyman.events.events import END_TYPES, ModelReplied, RunPaused
from journeyman.events.redaction import redacted_draft
from journeyman.journal.journal import Journal
from journeyman.journal.subscriptions import Subscription
from journeyman.runtime.engine.frames import Frame, Reconnect
from journeyman.runtime.engine.live import StreamPosition
from journeyman.runtime.engine.scheduler import RunScheduler

PAGE = 500


class Watch:
    """One client's position in one run. It keeps positions, never events, so a slow client costs no memory."""

    def __init__(self, journal: Journal, scheduler: RunScheduler, run_id: str, after: int, until_pause: bool) -> None:
        self._journal = journal
        self._scheduler = scheduler
        self._run_id = run_id
        self._seen = after
        self._until_pause = until_pause
        self._ended = False
        self._live_position: StreamPosition | None = None

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Yield events and live frames until the run has ended, or with `until_pause` paused.

        Yields Reconnect and stops if this process will do no more work on the run.
        """
        subscription = self._journal.notifier.subscribe(self._run_id)
        watched = self._scheduler.watched
        watched[self._run_id] += 1
        try:
            async for frame in self._frames(subscription):
                yield frame
        finally:
            watched[self._run_id] -= 1
            if not watched[self._run_id]:
                del watched[self._run_id]
            subscription.close()

    async def _frames(self, subscription: Subscription) -> AsyncGenerator[Frame, None]:
        async for entry in self._stored():
            yield entry
        if not self._ended and (live := self._scheduler.live(self._run_id)):
            self._live_position = StreamPosition(live)
            for frame in self._live_position.snapshots(live):
                yield frame
        while not self._ended:
            if self._is_abandoned():
                yield Reconnect()
                return
            await subscription.wait()
            for live_frame in self._new_live_frames():
                yield live_frame
            if subscription.head > self._seen:
                async for entry in self._stored():
                    yield entry

    def _is_abandoned(self) -> bool:
        """Check whether the process is stopping and will do no more work on this run."""
        return self._scheduler.suspended or (self._scheduler.stopping and self._scheduler.live(self._run_id) is None)

    def _new_live_frames(self) -> list[Frame]:
        live = self._scheduler.live(self._run_id)
        if live is None:
            return []
        if self._live_position is None:
            self._live_position = StreamPosition(None)
        return list(self._live_position.new_frames(live))

    async def _stored(self) -> AsyncGenerator[Entry, None]:
        while not self._ended and (page := await self._journal.read(self._run_id, self._seen, PAGE)):
            for entry in page:
                is_last = self._note(entry)
                yield redacted_draft(entry)
                if is_last:
                    return
            if len(page) < PAGE:
                return

    def _note(self, entry: Entry) -> bool:
        """Move the position past an entry. Returns whether it is the last one."""
        self._seen = entry.seq
        self._ended = entry.type in END_TYPES or (self._until_pause and _waits_for_human(entry))
        if entry.type == "model_replied" and self._live_position is not None:
            event = entry.event
            assert isinstance(event, ModelReplied)
            self._live_position.replied(event.call)
        return self._ended


def _waits_for_human(entry: Entry) -> bool:
    """Return whether the run pauses for a human, who answers or releases it, rather than for what it lacks."""
    if entry.type != "run_paused":
        return False
    event = entry.event
    if not isinstance(event, RunPaused):
        return False
    return bool(event.waiting_for) or event.lacks is None or event.lacks.kind == "operator"
